// Where the reader is: the page scrolls along with a growing answer, and never pulls away who reads elsewhere.

import { $ } from './dom.js';

const AT_END = 40; // px
const OWN_STEP = 4; // px

export function createReading() {
  const scroller = $('scroll');
  let touching = false; // a finger is on the conversation
  let lastTop = 0; // where the conversation was scrolled to
  let following = true; // whether the reader is at the end

  function toEnd() {
    scroller.scrollTop = $('welcome').hidden ? scroller.scrollHeight : 0; // the welcome is read from its top
    lastTop = scroller.scrollTop;
    following = true;
    $('to-end').hidden = true;
  }

  function onScroll() {
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    // The page itself only ever scrolls down: a step up is the reader's, however small it is.
    if (scroller.scrollTop < lastTop && below > OWN_STEP) following = false;
    else if (scroller.scrollTop > lastTop && below < AT_END) following = true;
    lastTop = scroller.scrollTop;
    $('to-end').hidden = following || !$('welcome').hidden;
  }

  /** To the end, unless the reader is looking elsewhere. */
  function follow() {
    onScroll(); // the event of the reader's last step may not have come yet
    if (following && !touching) toEnd();
  }

  scroller.addEventListener('scroll', onScroll, { passive: true });
  // While an answer grows, the next step down may come before the scroll event of the reader's step up.
  scroller.addEventListener('wheel', (event) => {
    if (event.deltaY < 0 && scroller.scrollTop > 0) following = false;
  }, { passive: true });
  ['touchstart', 'touchend', 'touchcancel'].forEach((name) => {
    scroller.addEventListener(name, (event) => {
      touching = event.touches.length > 0;
    }, { passive: true });
  });
  $('to-end').addEventListener('click', toEnd);
  // Pictures of the text below the edge are guesses until they are drawn (content-visibility): the end may move.
  if (typeof ResizeObserver !== 'undefined') new ResizeObserver(follow).observe($('log'));
  return { toEnd, follow };
}
