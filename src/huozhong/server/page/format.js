// Numbers as people read them: the bill of an answer, and of the whole conversation.

import { t } from './i18n.js';
import { isChinese } from './language.js';

const SYMBOLS = { CNY: '¥', USD: '$', EUR: '€', INR: '₹' };

/** Two significant digits, never in exponent form: 0.00000013, 1.2, 2, 35, 410. */
export function short(value) {
  if (!(value > 0)) return '0';
  if (value >= 10) return String(Math.round(value));
  const digits = Math.max(1, 1 - Math.floor(Math.log10(value)));
  return value.toFixed(Math.min(digits, 15)).replace(/\.?0+$/, '');
}

export function money(value, currency) {
  return (SYMBOLS[currency] || currency + ' ') + (value >= 0.1 ? value.toFixed(2) : short(value));
}

export function energy(joules, measured) {
  const text = joules < 10000 ? t('joules', { value: short(joules) }) : t('kilojoules', { value: short(joules / 1000) });
  return text + (measured ? '' : t('estimated'));
}

function large(count) {
  const unit = isChinese() ? 1e4 : 1e6;
  return count < unit ? short(count) : t('million', { value: short(count / unit) });
}

/** The bill of one answer and of its conversation: [name, value] of every line. */
export function bill(message, spent) {
  const usage = message.usage;
  const cost = usage.cost || {};
  const lines = [];
  if (message.model) lines.push([t('bill.model'), message.model]);
  lines.push([t('bill.length'), t('characters', { count: message.content.replace(/\s/g, '').length })]);
  const cached = usage.prompt_tokens_details && usage.prompt_tokens_details.cached_tokens;
  const known = cached > 0 ? t('bill.cached', { count: cached }) : '';
  lines.push([t('bill.tokens'), t('bill.inOut', { prompt: usage.prompt_tokens, completion: usage.completion_tokens }) + known]);
  if (usage.tokens_per_second > 0) lines.push([t('bill.speed'), t('speed', { rate: short(usage.tokens_per_second) })]);
  if (cost.seconds > 0) lines.push([t('bill.time'), t('seconds', { value: short(cost.seconds) })]);
  if (cost.joules >= 0) lines.push([t('bill.energy'), energy(cost.joules, cost.source === 'measured')]);
  if (cost.money >= 0) lines.push([t('bill.money'), money(cost.money, cost.currency)]);
  if (cost.joules > 0) lines.push([t('bill.perKwh'), t('perKwh', { count: large(3.6e6 / cost.joules) })]);
  if (spent.answers > 1 && spent.currency) {
    const whole = energy(spent.joules, spent.measured) + ' · ' + money(spent.money, spent.currency);
    lines.push([t('bill.total', { count: spent.answers }), whole]);
  }
  return lines;
}

/** What all answers of a conversation have cost, on every branch. */
export function total(messages) {
  const spent = { answers: 0, joules: 0, money: 0, currency: '', measured: true };
  messages.forEach((message) => {
    const cost = message.usage && message.usage.cost;
    if (!cost) return;
    spent.answers += 1;
    spent.joules += cost.joules || 0;
    spent.money += cost.money || 0;
    spent.currency = cost.currency || spent.currency;
    spent.measured = spent.measured && cost.source === 'measured';
  });
  return spent;
}
