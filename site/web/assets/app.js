// Two conveniences; every page works without them.
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

  addCopyButtons(document);

  // A form that came back with mistakes: begin with their list.
  var problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
