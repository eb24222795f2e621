// Sorts and filters tables and copies commands. The page is complete without it. It inserts only text, never markup.
"use strict";
(() => {
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const byText = new Intl.Collator("en", { numeric: true }).compare;
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.order === undefined ? cell.textContent : Number(cell.dataset.order);
  };
  // Numbers before texts, so that "not seen" is not sorted between numbers.
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return byText(a, b);
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = make("button", heading.textContent, { type: "button" });
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        // The first click on a column of numbers shows the largest number at the top.
        const first = heading.classList.contains("figures") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = heading.getAttribute("aria-sort") === first ? other : first;
        headings.forEach((each) => each.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", direction);
        const sign = direction === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [key(row, column), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        body.append(...rows.map(([, row]) => row));
      });
    });
    if (body.rows.length < 8) continue;
    const label = make("label", "Filter ");
    const input = make("input", "", { type: "search", autocomplete: "off", spellcheck: "false" });
    input.setAttribute("aria-label", "Filter the rows of: " + table.caption.textContent);
    const count = make("output", "");
    label.append(input);
    const bar = make("div", "", { class: "filter" });
    bar.append(label, count);
    table.parentElement.before(bar);
    const texts = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
    let waiting = 0;
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of texts) {
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      count.textContent = words.length ? ` ${shown} of ${texts.size} rows` : "";
    };
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 120);
    });
  }

  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = make("button", "Copy", { type: "button", class: "copy" });
    button.setAttribute("aria-label", "Copy the command for " + block.dataset.copy);
    const status = make("span", "", { role: "status" });
    button.addEventListener("click", async () => {
      const text = block.textContent;
      try {
        await navigator.clipboard.writeText(text);
        status.textContent = " Copied";
      } catch {
        // The page may not use the clipboard: select the command, so that one key copies it.
        getSelection().selectAllChildren(block);
        status.textContent = " Selected, copy it with the keyboard";
      }
      setTimeout(() => { status.textContent = ""; }, 4000);
    });
    const line = make("div", "", { class: "copying" });
    line.append(button, status);
    block.before(line);
  }

  // A link into a folded part opens it. Printing opens every folded part.
  const reveal = () => {
    const name = location.hash.slice(1);
    const target = name && document.getElementById(name);
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((node) => { node.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((node) => { node.open = false; }));
})();
