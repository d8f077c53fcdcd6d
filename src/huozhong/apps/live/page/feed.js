// Captions as they come: the last lines, then every change.  What stands is never taken back.

export const NAMES = { zh: '中文（原话）', en: 'English', ja: '日本語', ko: '한국어', es: 'Español' };

/** on: {lines(list), line(one), live(bool), languages(list), mouth(level), lost(bool)}.  Returns {close()}. */
export function follow(path, language, on) {
  let source = null;
  let timer = 0;
  let closed = false;

  function open() {
    source = new EventSource(path + '?language=' + encodeURIComponent(language));
    source.onopen = () => on.lost(false);
    source.onmessage = (message) => tell(JSON.parse(message.data));
    source.onerror = () => {
      if (closed) return;
      on.lost(true);
      source.close(); // a browser gives up on some errors; we do not
      clearTimeout(timer);
      timer = setTimeout(open, 1000);
    };
  }

  function tell(event) {
    if (event.hello) on.lines(event.hello);
    if (event.languages) on.languages(event.languages);
    if ('live' in event) on.live(event.live);
    if ('line' in event) on.line(event);
    if ('mouth' in event && on.mouth) on.mouth(event.mouth);
  }

  open();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      source.close();
    },
  };
}

/** A list of captions in `box`; at most `most` stay.  A line's certain words and its guess are two elements.
 *
 * tell: told whose words stand there: "ai" where a machine translated any of them, "own" where none, "" where none are.
 */
export function board(box, most, tell) {
  const rows = new Map();

  function told() {
    const seen = Array.from(rows.values()).filter((row) => !row.hidden);
    tell(seen.some((row) => row.lang !== 'zh') ? 'ai' : seen.length ? 'own' : '');
  }

  function show(line) {
    let row = rows.get(line.line);
    if (!row) {
      row = document.createElement('p');
      row.append(document.createElement('span'), document.createElement('i'));
      rows.set(line.line, row);
      box.append(row);
      while (rows.size > most) {
        const oldest = rows.keys().next().value;
        rows.get(oldest).remove();
        rows.delete(oldest);
      }
    }
    row.lang = line.language;
    row.firstChild.textContent = line.stands;
    row.lastChild.textContent = line.guess ? (line.stands ? ' ' : '') + line.guess : '';
    row.hidden = !line.stands && !line.guess;
    box.scrollTop = box.scrollHeight;
    told();
  }

  return {
    show,
    fill(lines) {
      rows.clear();
      box.replaceChildren();
      lines.slice(-most).forEach(show);
      told();
    },
  };
}

/** Whose words stand there, below them, and for programs in the page's head: what nobody translated bears no label. */
export function label(node, words, whose) {
  node.textContent = whose ? words[whose] : '';
  let mark = document.querySelector('meta[name=aigc]');
  if (whose !== 'ai') {
    if (mark) mark.remove();
    return;
  }
  if (mark) return;
  mark = document.createElement('meta');
  mark.name = 'aigc';
  mark.content = JSON.stringify({ AIGC: { Label: '1', ContentProducer: 'huozhong:live' } });
  document.head.append(mark);
}

/** The page's words in its language, and the elements marked data-t filled. */
export async function words() {
  const all = await (await fetch('words.json')).json();
  const found = all[document.documentElement.lang === 'en' ? 'en' : 'zh'];
  document.querySelectorAll('[data-t]').forEach((node) => {
    node.textContent = found[node.getAttribute('data-t')];
  });
  return found;
}
