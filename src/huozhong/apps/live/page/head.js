// A drawn head whose mouth opens with the loudness of a voice.

const SVG = 'http://www.w3.org/2000/svg';
const SHAPES = [
  ['ellipse', { cx: 100, cy: 104, rx: 66, ry: 78, fill: '#f3c9a5' }],
  ['path', { d: 'M32 92 C30 20 170 20 168 92 C150 60 120 56 100 56 C80 56 50 60 32 92Z', fill: '#3b2a20' }],
  ['circle', { cx: 74, cy: 98, r: 7, fill: '#2b211b' }],
  ['circle', { cx: 126, cy: 98, r: 7, fill: '#2b211b' }],
  ['path', { d: 'M62 80 q12 -8 24 0 M114 80 q12 -8 24 0', stroke: '#3b2a20', 'stroke-width': 4, fill: 'none', 'stroke-linecap': 'round' }],
  ['path', { d: 'M100 102 q-6 18 2 20', stroke: '#c98f6b', 'stroke-width': 3, fill: 'none' }],
];

function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  Object.keys(attributes).forEach((key) => node.setAttribute(key, attributes[key]));
  return node;
}

/** A head in `box`; mouth(level) opens its mouth, 0 to 1. */
export function head(box) {
  const svg = shape('svg', { viewBox: '0 0 200 200', role: 'img', 'aria-label': 'AI' });
  SHAPES.forEach(([name, attributes]) => svg.append(shape(name, attributes)));
  const lips = svg.appendChild(shape('ellipse', { cx: 100, cy: 146, rx: 22, ry: 2, fill: '#8d2f2b', id: 'lips' }));
  box.replaceChildren(svg);
  return {
    mouth(level) {
      const open = Math.max(0, Math.min(1, level));
      lips.setAttribute('ry', (2 + 18 * open).toFixed(1));
      lips.setAttribute('rx', (22 - 5 * open).toFixed(1));
    },
  };
}

/** Loudness (0 to 1) of samples between -1 and 1: -50 dB and below is silence, -10 dB a wide open mouth. */
export function level(samples) {
  let sum = 0;
  for (const one of samples) sum += one * one;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.max(0, Math.min(1, (decibels + 50) / 40));
}

/** Follows the microphone until stop(): told(level) some 12 times a second.  Rejects where there is none. */
export async function listen(told) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const sound = new AudioContext();
  const analyser = sound.createAnalyser();
  analyser.fftSize = 1024;
  sound.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    told(level(samples));
  }, 80);
  return () => {
    clearInterval(timer);
    stream.getTracks().forEach((track) => track.stop());
    sound.close();
  };
}
