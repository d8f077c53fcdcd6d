// Runs before the first paint, so that neither theme nor list flickers.
(function () {
  var root = document.documentElement;
  function remembered(key) {
    try {
      return window.localStorage.getItem('huozhong.' + key);
    } catch (error) {
      return null; // storage is switched off: the defaults serve
    }
  }
  var theme = remembered('theme');
  var dark = window.matchMedia && window.matchMedia('(prefers-color-scheme: dark)').matches;
  root.setAttribute('data-theme', theme === 'dark' || theme === 'light' ? theme : dark ? 'dark' : 'light');
  if (remembered('letters') === 'large') root.setAttribute('data-letters', 'large');
  // A browser that knows modules but not all of their language stops at the first word that it cannot read.
  var plain = root.getAttribute('data-plain');
  if (plain) {
    window.addEventListener('load', function () {
      if (!root.hasAttribute('data-running')) window.location.replace(plain + (plain === '/page/enter' ? window.location.hash : ''));
    });
  }
  if (remembered('list') === 'hidden') root.setAttribute('data-list', 'hidden');
})();
