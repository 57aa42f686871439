"use strict";
// Without this script everything is shown. With it, a choice of task and agent hides the rest; the
// choice is in the address, after the #, so that it can be kept and sent.
(() => {
  const form = document.getElementById("filters");
  const status = form.querySelector("[role=status]");
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const filtered = all("main [data-task], main [data-agent]");
  const tables = all("main .scroll > table");

  function lacks(element, kind) {
    const wanted = form.elements[kind].value, about = element.dataset[kind];
    return wanted !== "" && about !== undefined && !about.split(" ").includes(wanted);
  }

  function out(element) {
    return lacks(element, "task") || lacks(element, "agent");
  }

  function word(kind) {
    return form.elements[kind].selectedOptions[0].text;
  }

  // A row says nothing if its cells about the agent chosen are blank, a table if it has no other rows.
  function says(row) {
    const shown = all("[data-agent]", row).filter((cell) => !cell.hidden);
    const about = row.querySelector("[data-agent]") !== null;
    return !out(row) && (!about || shown.some((cell) => cell.textContent.trim() !== ""));
  }

  function show() {
    for (const element of filtered) element.hidden = out(element);
    for (const table of tables) {
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) row.hidden = !says(row);
      table.parentElement.hidden = rows.every((row) => row.hidden);
    }
    for (const part of all("main .part")) {
      const inside = all(".scroll", part);
      part.hidden = out(part) || (inside.length > 0 && inside.every((table) => table.hidden));
    }
    for (const chapter of all("main .chapter")) {
      const inside = all(".part, figure", chapter);
      chapter.hidden = out(chapter) || (inside.length > 0 && inside.every((part) => part.hidden));
    }
    for (const link of all("nav a")) {
      link.parentElement.hidden = document.getElementById(link.hash.slice(1)).hidden;
    }
    const { task, agent } = form.elements;
    const every = task.value === "" && agent.value === "";
    const note = agent.value === "" ? "" : " Figures are about all agents.";
    status.textContent = every ? "" : `Shown: ${word("task")}, ${word("agent")}.${note}`;
  }

  function keep() {
    const chosen = new URLSearchParams();
    for (const kind of ["task", "agent"]) {
      if (form.elements[kind].value) chosen.set(kind, form.elements[kind].value);
    }
    const address = chosen.toString();
    history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
    show();
    const chapter = document.getElementById(`task-${chosen.get("task")}`);
    if (chapter) chapter.open = true;
  }

  // An address with a choice (#task=..&agent=..) sets it; any other leads to a place on the page.
  function follow() {
    const hash = location.hash.slice(1);
    if (hash.includes("=")) {
      const chosen = new URLSearchParams(hash);
      for (const kind of ["task", "agent"]) {
        const wanted = chosen.get(kind) ?? "";
        const known = [...form.elements[kind].options].some((option) => option.value === wanted);
        form.elements[kind].value = known ? wanted : "";
      }
      show();
      return;
    }
    const target = document.getElementById(hash);
    if (!target) return;
    if (target.closest("[hidden]")) {
      form.elements.task.value = form.elements.agent.value = "";
      show();
    }
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
    }
    target.scrollIntoView();
  }

  form.hidden = false;
  form.addEventListener("change", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(keep));
  addEventListener("hashchange", follow);
  show();
  follow();
})();
