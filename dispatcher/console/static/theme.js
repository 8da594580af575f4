// Sets the theme that was chosen before anything is painted. Not a module: those come later.
(function () {
  try {
    var theme = localStorage.getItem('webhooks.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch { /* storage is shut: the system's theme it is */ }
})();
