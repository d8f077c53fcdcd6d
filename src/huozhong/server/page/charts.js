// Small charts as SVG of our own: a line over time, and stacked bars by day.

const WIDTH = 640;
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 10;

function svg(name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.keys(attributes || {}).forEach((key) => made.setAttribute(key, attributes[key]));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** 1,234 as 1.2k; small numbers with two digits. */
export function short(value) {
  if (value >= 1e9) return (value / 1e9).toFixed(1) + 'G';
  if (value >= 1e6) return (value / 1e6).toFixed(1) + 'M';
  if (value >= 1e4) return (value / 1e3).toFixed(0) + 'k';
  if (value >= 1e3) return (value / 1e3).toFixed(1) + 'k';
  if (value >= 10 || value === 0) return String(Math.round(value));
  return String(Number(value.toPrecision(2)));
}

/** The next round number: 1, 2 or 5 times a power of ten. */
function round(value) {
  if (!(value > 0)) return 1;
  const power = Math.pow(10, Math.floor(Math.log10(value)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function frame(title, top, labels) {
  const chart = svg('svg', { class: 'chart', viewBox: '0 0 ' + WIDTH + ' ' + HEIGHT, role: 'img', 'aria-label': title });
  chart.appendChild(svg('title', {}, title));
  [0, 0.5, 1].forEach((part) => {
    const y = TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);
    chart.appendChild(svg('line', { class: 'axis', x1: LEFT, x2: WIDTH, y1: y, y2: y }));
    chart.appendChild(svg('text', { x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, short(top * part)));
  });
  labels.forEach((label) => {
    chart.appendChild(svg('text', { x: label.x, y: HEIGHT - 5, 'text-anchor': label.anchor }, label.text));
  });
  return chart;
}

/** values: numbers, the newest last; null where nothing was.  from, to: what stands under both ends. */
export function line(title, values, from, to) {
  const top = round(Math.max.apply(null, values.map((value) => value || 0)));
  const chart = frame(title, top, [
    { x: LEFT, anchor: 'start', text: from },
    { x: WIDTH, anchor: 'end', text: to },
  ]);
  const at = (value, index) => [
    LEFT + (index * (WIDTH - LEFT)) / Math.max(1, values.length - 1),
    TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM),
  ];
  let piece = [];
  const draw = () => {
    if (!piece.length) return;
    const points = piece.map((point) => point[0].toFixed(1) + ' ' + point[1].toFixed(1)).join(' L');
    const floor = HEIGHT - BOTTOM;
    chart.appendChild(svg('path', { class: 'area', d: 'M' + piece[0][0].toFixed(1) + ' ' + floor + ' L' + points + ' L' + piece[piece.length - 1][0].toFixed(1) + ' ' + floor + ' Z' }));
    chart.appendChild(svg('path', { class: 'line', d: 'M' + points + (piece.length === 1 ? ' h1' : '') }));
    piece = [];
  };
  values.forEach((value, index) => {
    if (value === null) draw();
    else piece.push(at(value, index));
  });
  draw();
  return chart;
}

/** days: names; series: [{name, values}], one value a day; those after the fifth are drawn as one. */
export function bars(title, days, series) {
  const totals = days.map((day, index) => series.reduce((sum, one) => sum + one.values[index], 0));
  const top = round(Math.max.apply(null, totals));
  const step = (WIDTH - LEFT) / Math.max(1, days.length);
  const every = Math.ceil(days.length / 8);
  const labels = days.map((day, index) => ({ x: LEFT + (index + 0.5) * step, anchor: 'middle', text: day.slice(5) }));
  const chart = frame(title, top, labels.filter((label, index) => index % every === 0));
  days.forEach((day, index) => {
    let y = HEIGHT - BOTTOM;
    series.forEach((one, number) => {
      const height = (one.values[index] / top) * (HEIGHT - TOP - BOTTOM);
      if (!(height > 0)) return;
      y -= height;
      const bar = svg('rect', { class: 'c' + Math.min(number, 5), x: LEFT + (index + 0.15) * step, y, width: step * 0.7, height });
      bar.appendChild(svg('title', {}, day + ' · ' + one.name + ' · ' + short(one.values[index])));
      chart.appendChild(bar);
    });
  });
  return chart;
}
