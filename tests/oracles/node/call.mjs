// Calls of the official Node.js SDK. Each line of standard input: {endpoint, key, secret, region, action, parameters}, the
// parameters by their names on the wire. The same line of standard output: {answer}, or {refused: {status, code, message}}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are kept outside this folder, where the variable says.
const require = createRequire(`${process.env.ORACLE_NODE_MODULES}/`);
const sdk = require("@alicloud/ecs20140526");
const { $OpenApiUtil } = require("@alicloud/openapi-core");

// A model of the SDK from wire names, through the SDK's own tables of names and types.
function model(type, given) {
    const names = type.names();
    const types = type.types();
    const made = {};
    for (const [name, value] of Object.entries(given)) {
        const property = Object.keys(names).find((key) => names[key] === name);
        if (property === undefined) throw new Error(`${type.name} has no ${name}`);
        made[property] = typed(types[property], value);
    }
    return new type(made);
}

function typed(type, value) {
    if (type?.type === "array") return value.map((item) => typed(type.itemType, item));
    return typeof type === "function" ? model(type, value) : value;
}

async function call({ endpoint, key, secret, region, action, parameters }) {
    const client = new sdk.default(
        new $OpenApiUtil.Config({
            accessKeyId: key,
            accessKeySecret: secret,
            endpoint,
            protocol: "http",
            regionId: region,
            connectTimeout: 60_000,
            readTimeout: 60_000,
        }),
    );
    const method = action[0].toLowerCase() + action.slice(1);
    try {
        const answer = await client[method](model(sdk[`${action}Request`], parameters));
        return { answer: answer.body.toMap() };
    } catch (error) {
        if (error.code === undefined || error.statusCode === undefined) throw error;
        return { refused: { status: error.statusCode, code: error.code, message: error.message } };
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await call(JSON.parse(line))));
}
