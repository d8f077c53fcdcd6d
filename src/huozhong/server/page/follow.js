// Follows an answer that the server is writing, from wherever it is to its end.

import { listen } from './api.js';

const SPEED_WINDOW = 3000; // ms over which the live speed is taken

/**
 * message: the page's own, changed in place.  on: {changed(), done(), failed(ApiError)}.  Returns {close()}: to look
 * away, which ends nothing.
 */
export function follow(message, on) {
  let pieces = []; // [time, characters] of the last seconds

  function grew(count) {
    const now = Date.now();
    pieces.push([now, count]);
    pieces = pieces.filter(([time]) => now - time < SPEED_WINDOW);
    const span = now - pieces[0][0];
    const sum = pieces.slice(1).reduce((total, piece) => total + piece[1], 0);
    message.speed = span > 500 ? (1000 * sum) / span : 0;
  }

  function event(name, data) {
    if (name === 'snapshot') {
      Object.assign(message, data);
      message.content = message.content.replace(/^\s+/, '');
    } else if (name === 'delta') {
      message.reasoning += data.reasoning;
      message.content += message.content ? data.content : data.content.replace(/^\s+/, '');
      grew(data.reasoning.length + data.content.length);
    } else if (name === 'waiting') {
      message.waiting = data;
    } else if (name === 'done') {
      Object.assign(message, data.message);
      return;
    }
    on.changed();
  }

  return listen('/house/messages/' + encodeURIComponent(message.id) + '/events', {
    event,
    lost() {
      message.isLost = true;
      on.changed();
    },
    back() {
      message.isLost = false;
      on.changed();
    },
    end() {
      message.isLost = false;
      on.done();
    },
    failed: on.failed,
  });
}
