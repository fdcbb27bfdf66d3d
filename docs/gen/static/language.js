// Before the page is painted, so that nobody sees another language first.
(() => {
  const known = ["typescript", "python", "go", "csharp", "yaml"];
  try {
    const chosen = localStorage.getItem("language");
    if (known.includes(chosen)) document.documentElement.dataset.language = chosen;
  } catch {
    // A browser that keeps nothing shows the first language on each page.
  }
})();
