"use strict";
// Without this script everything is shown. With it, a choice of task and agent hides the rest; the
// choice is in the address, after the #, so that it can be kept and sent.
(() => {
  const form = document.getElementById("filters");
  const status = form.querySelector("[role=status]");
  const filtered = [...document.querySelectorAll("main [data-task], main [data-agent], nav [data-task]")];
  const tables = [...document.querySelectorAll("main .scroll > table")];

  function lacks(element, kind) {
    const wanted = form.elements[kind].value, about = element.dataset[kind];
    return wanted !== "" && about !== undefined && !about.split(" ").includes(wanted);
  }

  function word(kind) {
    return form.elements[kind].selectedOptions[0].text;
  }

  function show() {
    for (const element of filtered) element.hidden = lacks(element, "task") || lacks(element, "agent");
    for (const table of tables) {
      const empty = [...table.tBodies[0].rows].every((row) => row.hidden);
      table.parentElement.hidden = empty;
      table.parentElement.nextElementSibling.hidden = !empty;
    }
    const { task, agent } = form.elements;
    const all = task.value === "" && agent.value === "";
    const note = agent.value === "" ? "" : " Figures and “at a glance” are about all agents.";
    status.textContent = all ? "" : `Shown: ${word("task")}, ${word("agent")}.${note}`;
  }

  function keep() {
    const chosen = new URLSearchParams();
    for (const kind of ["task", "agent"]) {
      if (form.elements[kind].value) chosen.set(kind, form.elements[kind].value);
    }
    const address = chosen.toString();
    history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
    show();
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
