// For OBS: the last two captions on a transparent page; ?language=en, ?avatar=1.

import { head } from './head.js';
import { board, follow, label, words } from './feed.js';

const query = new URLSearchParams(location.search);
const say = await words();
const whose = document.getElementById('whose');
const shown = board(document.getElementById('lines'), 2, (one) => label(whose, say, one));
const face = query.get('avatar') ? head(document.getElementById('head')) : null;
follow('captions', query.get('language') || 'en', {
  lines: (list) => shown.fill(list),
  line: (one) => shown.show(one),
  live() {},
  languages() {},
  lost() {},
  mouth: (level) => face && face.mouth(level),
});
