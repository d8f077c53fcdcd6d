// The second screen: eight weeks of prices as a fan, and whether to sell this pig or to wait.

import { $, node } from '/page/house.js';

const WIDTH = 480;
const HEIGHT = 220;
const SIDE = 44;
const FOOT = 24;

function svg(name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.keys(attributes).forEach((key) => made.setAttribute(key, attributes[key]));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The forecast as a fan: eight times in ten, four in ten, the middle. */
function fan(found, title) {
  const at = (level) => found.levels.reduce((best, one, place) => (Math.abs(one - level) < Math.abs(found.levels[best] - level) ? place : best), 0);
  const rows = [{ date: found.last.date, quantiles: found.levels.map(() => found.last.price) }, ...found.forecast];
  const all = rows.flatMap((row) => [row.quantiles[at(0.1)], row.quantiles[at(0.9)]]);
  const low = Math.min(...all);
  const high = Math.max(...all);
  const room = Math.max(high - low, high * 0.02);
  const x = (place) => SIDE + ((WIDTH - SIDE - 8) * place) / (rows.length - 1);
  const y = (value) => 12 + (HEIGHT - FOOT - 12) * (1 - (value - low) / room);
  const points = (level) => rows.map((row, place) => x(place).toFixed(1) + ',' + y(row.quantiles[at(level)]).toFixed(1));
  const chart = svg('svg', { class: 'fan', viewBox: '0 0 ' + WIDTH + ' ' + HEIGHT, role: 'img', 'aria-label': title, fill: 'none' });
  [low, low + room / 2, low + room].forEach((value) => {
    chart.appendChild(svg('line', { class: 'axis', x1: SIDE, x2: WIDTH, y1: y(value), y2: y(value) }));
    chart.appendChild(svg('text', { x: SIDE - 5, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(2)));
  });
  [['wide80', 0.1, 0.9], ['wide40', 0.3, 0.7]].forEach(([name, under, over]) => {
    chart.appendChild(svg('polygon', { class: name, points: points(under).concat(points(over).reverse()).join(' ') }));
  });
  chart.appendChild(svg('polyline', { class: 'middle50', points: points(0.5).join(' ') }));
  [[0, 'start'], [rows.length - 1, 'end']].forEach(([place, anchor]) => {
    chart.appendChild(svg('text', { x: x(place), y: HEIGHT - 6, 'text-anchor': anchor }, rows[place].date));
  });
  return chart;
}

export function pricing(room) {
  const { say, guard, large } = room;
  return function show() {
    const table = node('textarea', { id: 'price-table' });
    table.value = room.state.prices;
    const unit = node('select', { id: 'price-unit' }, [['', 'asTable'], ['公斤', 'kg'], ['斤', 'jin']].map(([value, key]) => node('option', { value, text: say(key) })));
    const weight = node('input', { type: 'number', min: '30', max: '250', step: 'any', id: 'price-weight', inputmode: 'decimal' });
    const feed = node('input', { type: 'number', min: '0.5', max: '20', step: 'any', inputmode: 'decimal' });
    const pig = room.pigs.find((one) => one.number === room.chosen);
    if (room.weight) weight.value = room.weight.value;
    const result = node('div', { id: 'price-result', role: 'status' });
    const whose = pig && room.weight ? say('whose', { who: pig.name || pig.number, how: say(room.weight.how) }) : pig ? say('noWeight') : '';
    $('price').replaceChildren(
      node('p', { class: 'lead', text: say('priceLead') }),
      node('label', {}, [say('table'), table]),
      node('div', { class: 'row-line' }, [node('label', {}, [say('unit'), unit]), node('label', {}, [say('weight'), weight]), node('label', {}, [say('feedPrice'), feed])]),
      node('p', { class: 'hint', text: whose }),
      node('div', { class: 'big' }, [large(say('work'), (control) => guard(async () => {
        const given = { table: table.value, unit: unit.value };
        if (weight.value !== '') given.weight = Number(weight.value);
        if (weight.value !== '' && feed.value !== '') given.feed_price = Number(feed.value);
        const found = await room.post('price', given);
        room.state.prices = table.value;
        const decision = found.decision;
        const more = decision && decision.waiting_yuan_per_head - decision.today_yuan_per_head;
        result.replaceChildren(...[
          decision && node('p', { class: 'advice', text: say(decision.advice) }),
          decision && node('p', { text: say('gain', { more: say(more >= 0 ? 'more' : 'less'), yuan: Math.abs(Math.round(more)), worse: Math.round(100 * decision.how_often_waiting_is_worse) }) }),
          fan(found, say('fan')),
          node('p', { class: 'hint', text: say('fan') }),
          node('p', { class: 'hint', text: say('chance') }),
        ].filter(Boolean));
      }, control), 'main')]),
      result,
    );
  };
}
