// The site in Chromium: browser.mjs ADDRESS FOLDER runs every check and prints what came of each as JSON. --list names them.
// The site is at ADDRESS on a server and in FOLDER. With DOCS_SHOTS=FOLDER it leaves pictures of some pages there.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const LANGUAGES = ["typescript", "python", "go", "csharp", "yaml"];
const WIDE = { width: 1400, height: 900 };
const NARROW = { width: 360, height: 740 };

const [address, folder] = process.argv.slice(2);

const checks = {
  async the_language_is_remembered_from_page_to_page({ open }) {
    const page = await open("reference/image.html");
    assert.deepEqual(await heads(page, "inputs"), ["instanceId", "imageName"]);
    await choose(page, "Python");
    assert.deepEqual(await heads(page, "inputs"), ["instance_id", "image_name"]);
    assert.match(await page.locator("article figure.code:visible").first().innerText(), /alicloud\.ecs\.Image\(/);
    await follow(page, "ImageCopy", /reference\/imagecopy\.html$/);
    assert.equal(await chosen(page), "python");
    assert.equal(await page.locator("#inputs-sourceimageid .name").innerText(), "source_image_id");
    await page.reload();
    assert.equal(await chosen(page), "python");
    await page.goto(`${address}/index.html`);
    assert.equal(await chosen(page), "python");
  },

  async the_chooser_is_used_by_keyboard({ open }) {
    const page = await open("reference/image.html");
    await page.locator(".chooser input:checked").focus();
    for (const [key, language] of [["ArrowRight", "python"], ["ArrowRight", "go"], ["ArrowLeft", "python"]]) {
      await page.keyboard.press(key);
      assert.equal(await chosen(page), language);
    }
    const outline = await page.locator(".chooser input:checked + span").evaluate((one) => getComputedStyle(one).outlineStyle);
    assert.equal(outline, "solid", "the focus is seen");
  },

  async another_tab_follows_the_choice({ open }) {
    const first = await open("reference/image.html");
    const second = await first.context().newPage();
    await second.goto(`${address}/reference/imagecopy.html`);
    await choose(first, "Go");
    await second.waitForFunction(() => document.documentElement.dataset.language === "go");
    assert.equal(await chosen(second), "go");
  },

  async what_is_read_stays_in_place_when_the_language_changes({ open }) {
    const page = await open("reference/image.html#inputs-platform");
    const place = () => page.locator("#inputs-platform").evaluate((one) => one.getBoundingClientRect().top);
    const before = await place();
    await page.locator(".chooser label").getByText("Go").click({ force: true });
    assert.equal(await chosen(page), "go");
    assert.ok(Math.abs((await place()) - before) < 2, `${before} and ${await place()}`);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await chosen(page), "python");
    assert.ok(Math.abs((await place()) - before) < 2, `${before} and ${await place()} by keyboard`);
  },

  async each_language_shows_its_own_and_no_other({ open }) {
    const page = await open("index.html");
    for (const one of pages()) {
      await page.goto(`${address}/${one}`);
      for (const language of LANGUAGES) {
        const wrong = await page.evaluate((wanted) => {
          for (const details of document.querySelectorAll("details")) details.open = true;
          document.documentElement.dataset.language = wanted;
          const shown = [...document.querySelectorAll("[data-for]")].filter((part) => part.checkVisibility());
          const foreign = shown.filter((part) => !part.dataset.for.split(" ").includes(wanted));
          const empty = [...document.querySelectorAll(".property .name, .property .type")].filter(
            (part) => part.checkVisibility() && !part.innerText.trim(),
          );
          return [...foreign, ...empty].map((part) => part.outerHTML.slice(0, 200));
        }, language);
        assert.deepEqual(wrong, [], `${one} in ${language}`);
      }
    }
  },

  async nothing_is_wider_than_the_screen({ open }) {
    const page = await open("index.html");
    for (const one of pages()) {
      await page.goto(`${address}/${one}`);
      for (const size of [NARROW, { width: 820, height: 900 }, WIDE]) {
        await page.setViewportSize(size);
        const wide = await page.evaluate((languages) => {
          for (const details of document.querySelectorAll("article details")) details.open = true;
          return languages.filter((language) => {
            document.documentElement.dataset.language = language;
            return document.documentElement.scrollWidth > innerWidth;
          });
        }, LANGUAGES);
        assert.deepEqual(wide, [], `${one} at ${size.width}`);
      }
    }
  },

  async a_narrow_screen_folds_the_pages({ open }) {
    const page = await open("reference/image.html", { viewport: NARROW });
    const link = page.locator("nav.site").getByRole("link", { name: "From ROS" });
    assert.equal(await link.isVisible(), false);
    await page.locator("nav.site summary").click();
    await follow(page, "From ROS", /guides\/from-ros\.html$/);
    assert.equal(await page.locator("h1").innerText(), "From ROS");
    await page.setViewportSize(WIDE);
    await link.waitFor({ state: "visible" });
  },

  async texts_stand_out_by_day_and_by_night({ open }) {
    for (const scheme of ["light", "dark"]) {
      const page = await open("index.html", { colorScheme: scheme });
      const shades = new Set();
      for (const one of pages()) {
        await page.goto(`${address}/${one}`);
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        const { weak, background } = await page.evaluate(contrasts);
        assert.deepEqual(weak, [], `${one}, ${scheme}`);
        shades.add(background);
      }
      assert.equal(shades.size, 1);
      const [red] = [...shades][0].match(/\d+/g).map(Number);
      assert.ok(scheme === "light" ? red > 200 : red < 60, `${scheme}: ${[...shades]}`);
    }
  },

  async the_search_finds_properties_codes_and_pages({ open }) {
    const page = await open("guides/from-ros.html");
    await page.keyboard.press("/");
    const box = page.getByRole("combobox");
    assert.ok(await box.evaluate((one) => one === document.activeElement));
    await box.fill("image_family");
    const options = page.getByRole("option");
    await options.first().waitFor();
    assert.match(await options.first().innerText(), /^imageFamily\s+Image, input$/);
    await box.press("ArrowDown");
    await box.press("ArrowUp");
    assert.equal(await page.locator('[aria-selected="true"]').count(), 1);
    assert.equal(await box.getAttribute("aria-activedescendant"), "found-0");
    await box.press("Enter");
    await page.waitForURL(/reference\/image\.html#inputs-imagefamily$/);

    await box.fill("ImageUseShared");
    await options.first().click();
    await page.waitForURL(/guides\/troubleshooting\.html#imageuseshared$/);
    assert.ok(await page.locator("#imageuseshared").isVisible());

    await box.fill("crashes");
    await options.first().waitFor();
    await box.press("Enter");
    await page.waitForURL(/guides\/crashes-and-recovery\.html/);
  },

  async the_search_says_when_there_is_nothing_and_closes({ open }) {
    const page = await open("index.html");
    const box = page.getByRole("combobox");
    await box.fill("no such thing");
    await page.getByText("No results for “no such thing”").waitFor();
    assert.equal(await page.getByRole("option").count(), 0);
    await box.fill("region");
    await page.getByRole("option").first().waitFor();
    assert.equal(await box.getAttribute("aria-expanded"), "true");
    await box.press("Escape");
    assert.equal(await page.locator("#found").isVisible(), false);
    assert.equal(await box.getAttribute("aria-expanded"), "false");
  },

  async what_the_search_finds_is_there({ open }) {
    const page = await open("index.html");
    await page.getByRole("combobox").focus();
    await page.waitForFunction(() => window.searched);
    const targets = new Map();
    for (const [, target] of await page.evaluate(() => window.searched)) {
      const [file, anchor] = target.split("#");
      targets.set(file, [...(targets.get(file) ?? []), ...(anchor ? [anchor] : [])]);
    }
    assert.deepEqual([...targets.keys()].sort(), pages());
    for (const [file, anchors] of targets) {
      await page.goto(`${address}/${file}`);
      const missing = await page.evaluate((all) => all.filter((one) => !document.getElementById(one)), anchors);
      assert.deepEqual(missing, [], file);
    }
  },

  async a_link_into_what_is_folded_opens_it({ open }) {
    const page = await open("reference/image.html#state-usable");
    assert.ok(await page.locator("#state-usable").isVisible());
  },

  async code_is_copied({ open }) {
    const page = await open("reference/image.html", { permissions: ["clipboard-read", "clipboard-write"] });
    const figure = page.locator("article figure.code:visible").first();
    await figure.hover();
    await figure.getByRole("button").click();
    await figure.getByText("Copied").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await figure.locator("code").evaluate((one) => one.textContent));
    assert.match(copied, /^const fromInstance = new alicloud\.ecs\.Image\(/);
  },

  async a_deprecated_property_is_struck_through({ open }) {
    const page = await open("reference/image.html");
    const struck = page.locator("#inputs-name dt s");
    assert.match(await struck.evaluate((one) => getComputedStyle(one).textDecorationLine), /line-through/);
    assert.match(await page.locator("#inputs-name .deprecation").innerText(), /Use imageName instead/);
  },

  async the_keyboard_reaches_the_text_first({ open }) {
    const page = await open("reference/image.html");
    await page.keyboard.press("Tab");
    const skip = page.getByText("Skip to the text");
    assert.ok(await skip.evaluate((one) => one === document.activeElement && one.getBoundingClientRect().left >= 0));
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  },

  async the_site_is_read_from_a_folder({ open }) {
    const page = await open(`${pathToFileURL(folder)}/reference/image.html`);
    await choose(page, "C#");
    await follow(page, "ImageCopy", /reference\/imagecopy\.html$/);
    assert.equal(await chosen(page), "csharp");
    await page.getByRole("combobox").fill("golden");
    await page.getByRole("option").first().click();
    await page.waitForURL(/golden-image-pipelines\.html/);
  },

  async without_scripts_every_language_is_shown({ open }) {
    const page = await open("reference/image.html", { javaScriptEnabled: false });
    const seen = await page.locator("#examples ~ figure.code").filter({ visible: true }).count();
    assert.equal(seen, await page.locator("#examples ~ figure.code").count());
    assert.equal(await page.locator(".chooser").isVisible(), false);
  },
};

async function run() {
  const { chromium } = createRequire(`${process.env.DOCS_NODE_MODULES}/`)("playwright-core");
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    const contexts = [];
    const complaints = [];
    // A page in a context of its own, whose every complaint is a failure.
    const open = async (target, options = {}) => {
      const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce", ...options });
      contexts.push(context);
      context.setDefaultTimeout(60_000);
      context.on("page", (page) => {
        page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
        page.on("console", (line) => ["error", "warning"].includes(line.type()) && complaints.push(line.text()));
        page.on("requestfailed", (request) => {
          // What is still under way when a check goes on to another page is given up.
          const why = request.failure().errorText;
          if (why !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${why}`);
        });
        page.on("response", (response) => response.status() >= 400 && complaints.push(`${response.url()}: ${response.status()}`));
      });
      const page = await context.newPage();
      await page.goto(/^[a-z]+:/.test(target) ? target : `${address}/${target}`);
      return page;
    };
    try {
      await check({ open });
      assert.deepEqual(complaints, []);
      results[name] = null;
    } catch (error) {
      results[name] = error.stack;
    }
    for (const context of contexts) await context.close();
  }
  if (process.env.DOCS_SHOTS) await shoot(browser, process.env.DOCS_SHOTS);
  await browser.close();
  console.log(JSON.stringify(results));
}

async function shoot(browser, shots) {
  for (const [name, viewport] of [["wide", WIDE], ["narrow", NARROW]]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      for (const one of pages()) {
        await page.goto(`${address}/${one}`);
        await page.screenshot({ path: path.join(shots, `${one.replaceAll("/", "-")}-${name}-${colorScheme}.png`), fullPage: true });
      }
      await context.close();
    }
  }
}

function pages(within = "") {
  return readdirSync(path.join(folder, within), { withFileTypes: true })
    .flatMap((one) => {
      const name = within ? `${within}/${one.name}` : one.name;
      return one.isDirectory() ? pages(name) : name.endsWith(".html") ? [name] : [];
    })
    .sort();
}

const chosen = (page) =>
  page.evaluate(() => {
    const checked = document.querySelector(".chooser input:checked").value;
    return checked === document.documentElement.dataset.language ? checked : `${checked} is checked, another is shown`;
  });

const follow = async (page, title, wanted) => {
  await page.locator("nav.site").getByRole("link", { name: title, exact: true }).click();
  await page.waitForURL(wanted);
};

const choose = (page, title) => page.getByRole("radio", { name: title, exact: true }).check();

const heads = async (page, section) => [
  await page.locator(`#${section}-instanceid .name`).innerText(),
  await page.locator(`#${section}-imagename .name`).innerText(),
];

// Runs in the page: texts that differ too little from what is behind them, by the measure of WCAG 2 (level AA).
function contrasts() {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((numbers(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (const one = walker; one.nextNode(); ) {
    const element = one.currentNode.parentElement;
    if (!one.currentNode.textContent.trim() || !element.checkVisibility() || element.closest("script, .anchor")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(style.color), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) weak.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`);
  }
  return { weak: [...weak], background: getComputedStyle(document.body).backgroundColor };
}

if (address === "--list") {
  console.log(Object.keys(checks).join("\n"));
} else {
  await run();
}
