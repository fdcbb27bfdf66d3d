"""Signs requests with `oss2` and prints every stage as JSON: the test data of the emulator and of the client.

    python tests/oracles/oss_vectors.py > provider/crates/emulator/testdata/oss-signing-vectors.json

`provider/crates/aliyun/testdata/` has a copy. Keys, tokens and dates are invented.
"""

import json
from unittest import mock

import oss2
from oss2.api import _UrlMaker
from oss2.http import Request

DATE = "Sun, 22 Nov 2026 01:02:03 GMT"
ENDPOINT = "http://127.0.0.1:4711"
KEY = ("LTAI-vector", "secret/+= 密")
STS = ("STS.vector", "sts-secret", "token/+=vector")

# Name, method, bucket, object, query, headers, key.
CASES = [
    ("head", "HEAD", "b-images", "disk.raw", {}, {}, KEY),
    ("delete", "DELETE", "b-images", "web_m-bp1_system.raw.tar.gz", {}, {}, KEY),
    ("delete-sts", "DELETE", "b-images", "web_m-bp1_data_xvdb.raw.tar.gz", {}, {}, STS),
    ("head-sts", "HEAD", "b-images", "disk.raw", {}, {}, STS),
    ("head-folders", "HEAD", "b-images", "a/b//c", {}, {}, KEY),
    ("head-reserved", "HEAD", "b-images", "a+b c%20d?e=f&g#h~i*j'k(l)", {}, {}, KEY),
    ("delete-unicode", "DELETE", "b-images", "镜像/é.raw", {}, {}, KEY),
    ("head-meta", "HEAD", "b-images", "disk.raw", {"objectMeta": ""}, {}, KEY),
    ("delete-version", "DELETE", "b-images", "disk.raw", {"versionId": "CAEQ+/="}, {}, KEY),
    ("get", "GET", "b-images", "disk.raw", {"response-content-type": "text/plain", "other": "x"}, {}, KEY),
    (
        "put-headers",
        "PUT",
        "b-images",
        "disk.raw",
        {},
        {
            "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
            "Content-Type": "application/octet-stream",
            "x-oss-storage-class": "Archive",
            "X-OSS-Meta-B": "2",
            "x-oss-meta-a": "1",
        },
        KEY,
    ),
    ("list", "GET", "b-images", "", {"prefix": "web_", "max-keys": "2"}, {}, KEY),
    ("list-v2", "GET", "b-images", "", {"list-type": "2", "continuation-token": "a b/c"}, {}, KEY),
    ("own-date", "HEAD", "b-images", "disk.raw", {}, {"x-oss-date": "Sun, 22 Nov 2026 01:00:00 GMT"}, KEY),
]


def vector(case):
    name, method, bucket, key, query, headers, credentials = case
    auth = oss2.StsAuth(*credentials) if len(credentials) == 3 else oss2.Auth(*credentials)
    signer = getattr(auth, "_StsAuth__auth", auth)
    request = Request(method, _UrlMaker(ENDPOINT, False, False)(bucket, key), params=dict(query), headers=headers)
    signed = []
    sign = "_ProviderAuth__get_bytes_to_sign"
    to_sign = getattr(signer, sign)

    def watched(*arguments):
        signed.append(to_sign(*arguments))
        return signed[-1]

    with mock.patch("oss2.utils.http_date", lambda: DATE), mock.patch.object(signer, sign, watched):
        auth._sign_request(request, bucket, key)
    sent = {header.lower(): value for header, value in request.headers.items()}
    authorization = sent.pop("authorization")
    # What goes along unsigned tells of the machine.
    for unsigned in ("user-agent", "accept-encoding"):
        del sent[unsigned]
    (string_to_sign,) = signed
    return {
        "name": name,
        "access_key_id": credentials[0],
        "access_key_secret": credentials[1],
        "method": method,
        "bucket": bucket,
        "object": key,
        "query": query,
        "headers": sent,
        "path": request.url.removeprefix(ENDPOINT),
        "string_to_sign": string_to_sign.decode(),
        "authorization": authorization,
    }


def document():
    return {
        "about": {
            "scheme": "OSS signature version 1, in the Authorization header",
            "produced_by": f"oss2 {oss2.__version__}, by tests/oracles/oss_vectors.py",
            "headers": "all that were sent and could be signed, in lower case",
            "path": "what is asked for if the host names no bucket",
        },
        "vectors": [vector(case) for case in CASES],
    }


def text():
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
