// The chooser of languages, the search, the buttons that copy, and the navigation of narrow screens.

const page = document.documentElement;

// Chooser

for (const radio of document.querySelectorAll(".chooser input")) {
  radio.checked = radio.value === page.dataset.language;
  radio.addEventListener("change", () => choose(radio.value));
}

// What the reader looks at stays where it is, although what is above it becomes longer or shorter.
function choose(language) {
  const shown = [...document.querySelectorAll("article h2, article h3, .property")];
  const seen = shown.find((one) => one.getBoundingClientRect().top >= 60 && one.offsetParent !== null);
  const before = seen?.getBoundingClientRect().top;
  page.dataset.language = language;
  if (seen && scrollY > 0) scrollBy({ top: seen.getBoundingClientRect().top - before, behavior: "instant" });
  try {
    localStorage.setItem("language", language);
  } catch {
    // It counts for this page.
  }
}

addEventListener("storage", ({ key, newValue }) => {
  const radio = document.querySelector(`.chooser input[value="${CSS.escape(newValue ?? "")}"]`);
  if (key === "language" && radio) {
    radio.checked = true;
    page.dataset.language = newValue;
  }
});

// Copying

for (const button of document.querySelectorAll(".copy")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// On a narrow screen the pages are folded.
const pages = document.querySelector("nav.site details");
const narrow = matchMedia("(max-width: 56rem)");
narrow.addEventListener("change", fold);
fold();
function fold() {
  pages.open = !narrow.matches;
}

// Search

const box = document.getElementById("search");
const list = document.getElementById("found");
let selected = -1;

function load() {
  if (document.getElementById("search-index")) return;
  const script = document.createElement("script");
  script.id = "search-index";
  script.src = `${page.dataset.root}search.js`;
  script.addEventListener("load", show);
  document.head.append(script);
}

// Every word must be in the title or in what is said of it. A title that begins with the first word comes first; otherwise the
// order is the index's.
function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const rank = ([title]) => {
    const lower = title.toLowerCase();
    return lower === words[0] ? 0 : lower.startsWith(words[0]) ? 1 : lower.includes(words[0]) ? 2 : 3;
  };
  return (window.searched ?? [])
    .filter(([title, , where, more]) => words.every((word) => `${title} ${where} ${more}`.toLowerCase().includes(word)))
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, 12);
}

function show() {
  const text = box.value.trim();
  const found = find(text);
  selected = found.length ? 0 : -1;
  list.replaceChildren(
    ...found.map(([title, address, where], index) => {
      const item = document.createElement("li");
      item.id = `found-${index}`;
      item.role = "option";
      const link = document.createElement("a");
      link.href = page.dataset.root + address;
      link.tabIndex = -1;
      const what = document.createElement("span");
      link.append(title, " ", what);
      what.textContent = where;
      item.append(link);
      return item;
    }),
  );
  if (text && !found.length && window.searched) {
    const item = document.createElement("li");
    item.className = "nothing";
    item.textContent = `No results for “${text}”`;
    list.append(item);
  }
  list.hidden = !list.children.length;
  mark();
}

function mark() {
  [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === selected)));
  box.setAttribute("aria-expanded", String(!list.hidden));
  const item = list.querySelector('[aria-selected="true"]');
  if (item) {
    box.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  } else {
    box.removeAttribute("aria-activedescendant");
  }
}

function close() {
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
}

box.addEventListener("focus", load);
box.addEventListener("input", () => {
  load();
  show();
});
box.addEventListener("keydown", (event) => {
  const count = list.querySelectorAll("a").length;
  if (event.key === "ArrowDown" && count) selected = (selected + 1) % count;
  else if (event.key === "ArrowUp" && count) selected = (selected + count - 1) % count;
  else if (event.key === "Enter" && selected >= 0 && !list.hidden) {
    list.querySelectorAll("a")[selected].click();
    close();
    return;
  } else if (event.key === "Escape") {
    close();
    return;
  } else return;
  event.preventDefault();
  mark();
});
list.addEventListener("click", close);
box.addEventListener("blur", (event) => {
  if (!list.contains(event.relatedTarget)) close();
});
list.addEventListener("mousedown", (event) => event.preventDefault());
addEventListener("keydown", (event) => {
  const typing = /^(input|textarea|select)$/i.test(document.activeElement.tagName) && document.activeElement.type !== "radio";
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !typing) {
    event.preventDefault();
    box.focus();
    box.select();
  }
});
