// Only browsers without modules run this: they get the page that the server writes, without scripts.
window.location.replace('/page/plain');
