// Conveniences; every page works without them.
(function () {
  "use strict";

  // A button beside each key or hash that copies it.
  function addCopyButtons(root) {
    if (!navigator.clipboard) return;
    root.querySelectorAll("[data-copy]").forEach(function (code) {
      if (code.nextElementSibling && code.nextElementSibling.matches(".copy")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(code.textContent).then(
          function () { button.textContent = "Copied"; },
          function () { button.textContent = "Select it by hand"; }
        );
        setTimeout(function () { button.textContent = "Copy"; }, 2000);
      });
      code.after(button);
    });
  }

  // Menus close when something else is clicked, when focus leaves them, and by Escape.
  var menus = Array.prototype.slice.call(document.querySelectorAll("details.menu"));
  function closeMenus(but) {
    menus.forEach(function (menu) { if (menu !== but) menu.open = false; });
  }
  document.addEventListener("click", function (e) { closeMenus(e.target.closest("details.menu")); });
  document.addEventListener("focusin", function (e) { closeMenus(e.target.closest("details.menu")); });

  var find = document.querySelector("[data-shortcut]");
  document.addEventListener("keydown", function (e) {
    if (e.key === "Escape") {
      var menu = document.querySelector("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    if (!find || e.key !== find.dataset.shortcut || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.closest("input, textarea, select, [contenteditable]")) return;
    e.preventDefault();
    find.focus();
    find.select();
  });

  // A long form keeps a draft in this browser until it is sent, thrown away, or the
  // member logs out. Its name says whose it is and of what.
  var prefix = "draft:";
  function texts(form) {
    return Array.prototype.filter.call(form.elements, function (e) {
      return e.name && (e.tagName === "TEXTAREA" || e.tagName === "SELECT" || (e.tagName === "INPUT" && /^(text|url|search|checkbox)$/.test(e.type)));
    });
  }
  function keepDraft(form) {
    var key = prefix + form.dataset.draft, timer;
    var bar = document.createElement("p");
    bar.className = "draft";
    bar.setAttribute("role", "status");
    function say(text, offer) {
      bar.textContent = text;
      if (!offer) return;
      var drop = document.createElement("button");
      drop.type = "button";
      drop.className = "plain";
      drop.textContent = offer;
      drop.addEventListener("click", function () {
        localStorage.removeItem(key);
        form.reset();
        say("The draft is gone.");
      });
      bar.append(" ", drop);
    }
    form.prepend(bar);
    var kept = null;
    try { kept = JSON.parse(localStorage.getItem(key)); } catch { localStorage.removeItem(key); }
    if (kept && !document.getElementById("problems")) {
      texts(form).forEach(function (e) {
        if (!(e.name in kept)) return;
        if (e.type === "checkbox") e.checked = kept[e.name] === "1";
        else e.value = kept[e.name];
      });
      say("Your draft is here again.", "Throw it away");
    }
    form.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () {
        var now = {};
        texts(form).forEach(function (e) { now[e.name] = e.type === "checkbox" ? (e.checked ? "1" : "") : e.value; });
        try {
          localStorage.setItem(key, JSON.stringify(now));
          say("Kept as a draft in this browser.", "Throw it away");
        } catch { say("This browser does not keep drafts."); }
      }, 500);
    });
    form.addEventListener("submit", function () {
      clearTimeout(timer);
      localStorage.removeItem(key);
    });
  }
  function dropDrafts() {
    Object.keys(localStorage).forEach(function (key) { if (key.indexOf(prefix) === 0) localStorage.removeItem(key); });
  }

  addCopyButtons(document);
  try {
    document.querySelectorAll("form[data-draft]").forEach(keepDraft);
    document.querySelectorAll('form[action="/logout"]').forEach(function (form) { form.addEventListener("submit", dropDrafts); });
  } catch { /* a browser without storage */ }

  // A form that came back with mistakes: begin with their list.
  var problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
