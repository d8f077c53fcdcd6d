// Pictures: out of files, films and cameras into a canvas, and as PPM to the server, which then needs no decoder.

export const LONGEST = 640; // pixels of a picture's longer side

/** A canvas with a source (image, video) on it, no larger than LONGEST. */
export function drawn(source, width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(16, Math.round(width * scale));
  canvas.height = Math.max(16, Math.round(height * scale));
  canvas.getContext('2d', { willReadFrequently: true }).drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** A canvas as a PPM file. */
export function asPpm(canvas) {
  const { width, height } = canvas;
  const rgba = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const head = new TextEncoder().encode('P6\n' + width + ' ' + height + '\n255\n');
  const out = new Uint8Array(head.length + width * height * 3);
  out.set(head);
  let to = head.length;
  for (let from = 0; from < rgba.length; from += 4) {
    out[to++] = rgba[from];
    out[to++] = rgba[from + 1];
    out[to++] = rgba[from + 2];
  }
  return new Blob([out]);
}

/** A PPM file (as the server keeps it) on a canvas. */
export function fromPpm(buffer) {
  const bytes = new Uint8Array(buffer);
  const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(String.fromCharCode.apply(null, bytes.subarray(0, 40)));
  const canvas = document.createElement('canvas');
  canvas.width = Number(head[1]);
  canvas.height = Number(head[2]);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const image = context.createImageData(canvas.width, canvas.height);
  let from = head[0].length;
  for (let to = 0; to < image.data.length; to += 4) {
    image.data[to] = bytes[from++];
    image.data[to + 1] = bytes[from++];
    image.data[to + 2] = bytes[from++];
    image.data[to + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function once(target, name) {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true });
    target.addEventListener('error', () => reject(new Error('unreadable')), { once: true });
  });
}

export async function ofPhoto(file) {
  const image = new Image();
  const ready = once(image, 'load');
  image.src = URL.createObjectURL(file);
  try {
    await ready;
    return drawn(image, image.naturalWidth, image.naturalHeight);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** Calls `take(canvas, seconds)` for a film's pictures, one every so many seconds, until it returns false. */
export async function throughFilm(file, every, take) {
  const video = document.createElement('video');
  video.muted = true;
  const ready = once(video, 'loadeddata');
  video.src = URL.createObjectURL(file);
  try {
    await ready;
    const end = Number.isFinite(video.duration) ? video.duration : 3600;
    for (let at = 0; at < end; at += every) {
      if (at > 0) {
        const there = once(video, 'seeked');
        video.currentTime = at;
        await there;
        if (video.ended && at < end - every) return;
      }
      if ((await take(drawn(video, video.videoWidth, video.videoHeight), at)) === false) return;
    }
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

/**
 * A canvas that is tapped, by finger, mouse or keys (arrows move a cross, Enter taps).
 * tap(x, y): in the picture's pixels.  show(canvas, paint): puts a picture there; paint(context, scale) draws over it.
 */
export function board(holder, name, tap) {
  const canvas = document.createElement('canvas');
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-label', name);
  let cross = null;
  let last = null;
  function again() {
    if (!last) return;
    const context = canvas.getContext('2d');
    context.drawImage(last.picture, 0, 0);
    last.paint(context, canvas.width / 400);
    if (cross) {
      context.strokeStyle = '#fff';
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(cross[0] - 12, cross[1]);
      context.lineTo(cross[0] + 12, cross[1]);
      context.moveTo(cross[0], cross[1] - 12);
      context.lineTo(cross[0], cross[1] + 12);
      context.stroke();
    }
  }
  canvas.addEventListener('click', (event) => {
    const box = canvas.getBoundingClientRect();
    cross = null;
    tap(((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height);
  });
  canvas.addEventListener('keydown', (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = event.shiftKey ? 24 : 4;
    if (ways[event.key]) {
      cross = cross || [canvas.width / 2, canvas.height / 2];
      cross = [Math.min(canvas.width - 1, Math.max(0, cross[0] + ways[event.key][0] * step)), Math.min(canvas.height - 1, Math.max(0, cross[1] + ways[event.key][1] * step))];
      again();
    } else if (event.key === 'Enter' && cross) {
      tap(cross[0], cross[1]);
    } else return;
    event.preventDefault();
  });
  return {
    show(picture, paint) {
      if (!canvas.parentNode) holder.appendChild(canvas);
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      last = { picture, paint };
      again();
    },
    again,
  };
}

/** A pig's line from tail to snout, and what it is called, in a circle at its middle. */
export function markPig(context, scale, snout, tail, text, strong) {
  const size = Math.max(9, 8 * scale);
  context.lineWidth = Math.max(2, 1.5 * scale);
  context.strokeStyle = strong ? '#ffd400' : '#35d0ff';
  context.beginPath();
  context.moveTo(tail[0], tail[1]);
  context.lineTo(snout[0], snout[1]);
  context.stroke();
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.arc(snout[0], snout[1], size / 3, 0, 7);
  context.fill();
  if (text === '') return;
  const x = (snout[0] + tail[0]) / 2;
  const y = (snout[1] + tail[1]) / 2;
  context.beginPath();
  context.arc(x, y, size, 0, 7);
  context.fillStyle = strong ? '#ffd400' : 'rgba(0, 0, 0, .72)';
  context.fill();
  context.fillStyle = strong ? '#000' : '#fff';
  context.font = '600 ' + Math.round(size * 1.15) + 'px sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x, y + 1);
}
