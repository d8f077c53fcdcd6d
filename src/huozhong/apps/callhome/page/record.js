// A press, some words, a WAV file: by the microphone where the browser gives it (https), else by the phone's own recorder.

const LONGEST = 8000; // ms

export const hasMicrophone = Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia && window.MediaRecorder);

/** Begins to record; {stop(), done: a promise of the WAV}.  Rejects where the microphone is refused. */
export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.addEventListener('dataavailable', (event) => pieces.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener('stop', resolve));
  recorder.start();
  const timer = setTimeout(() => stop(), LONGEST);
  function stop() {
    clearTimeout(timer);
    if (recorder.state !== 'inactive') recorder.stop();
  }
  const done = ended.then(() => {
    stream.getTracks().forEach((track) => track.stop());
    return asWav(new Blob(pieces));
  });
  return { stop, done };
}

/** Any recording that this browser can play, as WAV of 16 kHz; what it cannot is left as it is, for the server. */
export async function asWav(file) {
  const context = new (window.AudioContext || window.webkitAudioContext)();
  try {
    const data = await context.decodeAudioData(await new Response(file).arrayBuffer());
    const rate = 16000;
    const offline = new OfflineAudioContext(1, Math.max(1, Math.ceil(data.duration * rate)), rate);
    const source = offline.createBufferSource();
    source.buffer = data;
    source.connect(offline.destination);
    source.start();
    return wav((await offline.startRendering()).getChannelData(0), rate);
  } catch (error) {
    return file;
  } finally {
    context.close();
  }
}

function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const write = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  write(0, 'RIFF');
  view.setUint32(4, 36 + 2 * samples.length, true);
  write(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new Blob([view], { type: 'audio/wav' });
}

/** An element that records once and hands the WAV on; say: {start, stop}; took: gets the file; trouble: gets an error. */
export function recorderButton(className, say, took, trouble) {
  if (!hasMicrophone) {
    const label = document.createElement('label');
    label.className = className + ' file';
    label.textContent = say.start;
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = 'audio/*';
    input.setAttribute('capture', 'microphone');
    input.addEventListener('change', async () => {
      if (input.files.length) await took(await asWav(input.files[0])).catch(trouble);
      input.value = '';
    });
    label.appendChild(input);
    return label;
  }
  const button = document.createElement('button');
  button.type = 'button';
  button.className = className;
  button.textContent = say.start;
  let running = null;
  button.addEventListener('click', async () => {
    if (running) return running.stop();
    try {
      running = await record();
      button.textContent = say.stop;
      button.classList.add('on');
      const file = await running.done;
      running = null;
      await took(file);
    } catch (error) {
      trouble(error);
    } finally {
      running = null;
      button.textContent = say.start;
      button.classList.remove('on');
    }
    return undefined;
  });
  return button;
}
