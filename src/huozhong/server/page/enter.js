// Old browsers run this too.  On login.html it leads to the page without modules; there, it takes over the code that
// a QR picture brought, which stays out of the history.
(function () {
  var field = document.getElementById('code');
  var given = /[#&](?:join|setup)=([\w-]+)/.exec(window.location.hash);
  if (window.location.pathname !== '/page/enter') {
    window.location.replace('/page/enter' + window.location.hash);
  } else if (given) {
    field.value = given[1];
    if (window.history.replaceState) window.history.replaceState(null, '', '/page/enter');
  }
})();
