// The camera, or a photo where there is none: small upright JPEGs without what phones write into theirs.

import { node } from '/page/house.js';

const LARGEST = 960; // pixels of a picture's longer side
const QUALITY = 0.92;

/** Whether this browser gives a camera at this address (on https, and on the machine itself). */
export const mayHaveCamera = Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);

/** A picture of `source` (a video or an image), as a JPEG. */
function jpeg(source, width, height) {
  const shrink = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  canvas.getContext('2d').drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((done, failed) => {
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('no picture'))), 'image/jpeg', QUALITY);
  });
}

/** A photo that somebody took or chose.  An <img> stands upright whatever way the phone was held. */
export function fromFile(file) {
  return new Promise((done, failed) => {
    const url = URL.createObjectURL(file);
    const image = new Image();
    image.onload = () => jpeg(image, image.naturalWidth, image.naturalHeight).then(done, failed).then(() => URL.revokeObjectURL(url));
    image.onerror = () => {
      URL.revokeObjectURL(url);
      failed(new Error('no picture'));
    };
    image.src = url;
  });
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/**
 * The camera's view.  changed(): it went on or off.  Returns {view, isOn(), start(), stop(), take(count)}: JPEGs, a
 * quarter of a second apart.
 */
export function createEye(label, changed) {
  const video = node('video', { playsinline: true, muted: true, 'aria-label': label });
  const idle = node('div', { class: 'idle' });
  idle.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="9" r="4"/><path d="M4 21c1-5 4-7 8-7s7 2 8 7"/></svg>';
  const view = node('div', { class: 'view mirror' }, [video, idle]);
  let stream = null;

  function stop() {
    if (!stream) return;
    stream.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    idle.hidden = false;
    changed();
  }

  async function start() {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: 960 }, height: { ideal: 720 } } });
    stream.getTracks().forEach((track) => track.addEventListener('ended', stop));
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    idle.hidden = true;
    changed();
  }

  async function take(count) {
    const taken = [];
    for (let number = 0; number < count; number += 1) {
      if (number) await wait(250);
      taken.push(await jpeg(video, video.videoWidth, video.videoHeight));
    }
    return taken;
  }

  return { view, isOn: () => Boolean(stream), start, stop, take };
}
