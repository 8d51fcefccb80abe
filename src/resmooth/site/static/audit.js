// The table of the audit: sorts, filters, and keeps its state in the address.
(() => {
  const form = document.getElementById("filter"), text = document.getElementById("text");
  const shown = document.getElementById("shown"), body = document.querySelector("#claims tbody");
  const headers = [...document.querySelectorAll("#claims thead th")];
  const boxes = {};  // by the kind of evidence
  for (const box of form.querySelectorAll("input[type=checkbox]")) (boxes[box.name] ??= []).push(box);
  const checked = name => boxes[name].filter(box => box.checked).map(box => box.value);
  const rows = [...body.rows].map((element, order) => ({
    element, order,
    words: [...element.cells].map(cell => cell.textContent).join(" ").toLowerCase() }));
  const collator = new Intl.Collator("en", { numeric: true });
  let column = -1, direction = 1;

  const key = (row, index) => {
    const cell = row.element.cells[index];
    if (!headers[index].classList.contains("number")) return cell.dataset.text ?? (cell.textContent || null);
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  };
  const sort = () => {
    const keys = column < 0 ? [] : rows.map(row => key(row, column));
    const numeric = column >= 0 && headers[column].classList.contains("number");
    const order = rows.map((row, index) => index);
    if (column >= 0) order.sort((i, j) => {
      const a = keys[i], b = keys[j];
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      return direction * (numeric ? a - b : collator.compare(a, b)) || i - j;
    });
    body.append(...order.map(index => rows[index].element));
    headers.forEach((header, index) =>
      header.setAttribute("aria-sort", index !== column ? "none" : direction > 0 ? "ascending" : "descending"));
  };
  const filter = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = Object.keys(boxes).map(name => [name, new Set(checked(name))]);
    let count = 0;
    for (const row of rows) {
      const keep = verdicts.every(([name, shown]) => shown.has(row.element.dataset[name]))
        && wanted.every(word => row.words.includes(word));
      row.element.hidden = !keep;
      count += keep;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
  };
  const save = () => {
    const state = new URLSearchParams();
    if (text.value.trim()) state.set("q", text.value.trim());
    for (const name in boxes)
      if (checked(name).length < boxes[name].length) state.set(name, checked(name).join(","));
    if (column >= 0) state.set("sort", (direction < 0 ? "-" : "") + headers[column].dataset.name);
    const fragment = state.toString();
    history.replaceState(null, "", fragment ? "#" + fragment : location.pathname + location.search);
  };
  const load = () => {
    const state = new URLSearchParams(location.hash.slice(1)), sorted = state.get("sort") || "";
    text.value = state.get("q") || "";
    for (const name in boxes) {
      const verdicts = state.has(name) ? state.get(name).split(",") : null;
      boxes[name].forEach(box => { box.checked = !verdicts || verdicts.includes(box.value); });
    }
    direction = sorted.startsWith("-") ? -1 : 1;
    column = headers.findIndex(header => header.dataset.name === sorted.replace(/^-/, ""));
    sort();
    filter();
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };
  headers.forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.dataset.name = header.textContent;
    button.title = "Sort by this column; again: reversed; once more: as given";
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      if (column !== index) { column = index; direction = 1; }
      else if (direction > 0) direction = -1;
      else { column = -1; direction = 1; }
      sort();
      save();
    });
  });
  form.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("submit", event => event.preventDefault());
  window.addEventListener("hashchange", load);
  form.hidden = false;
  load();
})();
