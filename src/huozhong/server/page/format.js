// Numbers as people read them: the bill under an answer, and the bill of the conversation.

import { language, t } from './i18n.js';

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
  const unit = language() === 'zh' ? 1e4 : 1e6;
  return count < unit ? short(count) : t('million', { value: short(count / unit) });
}

function compact(parts) {
  return parts.filter((part) => part).join(' · ');
}

/** The line under one answer: 123 字 · 410 tokens/s · 0.8 焦耳(估) · ¥0.00000013 */
export function meter(message) {
  const usage = message.usage;
  const characters = message.content.replace(/\s/g, '').length;
  const parts = [t('characters', { count: characters })];
  if (usage) {
    const cost = usage.cost;
    if (language() === 'en') parts.push(t('tokens', { count: usage.completion_tokens }));
    if (usage.tokens_per_second > 0) parts.push(t('speed', { rate: short(usage.tokens_per_second) }));
    if (cost && cost.joules >= 0) parts.push(energy(cost.joules, cost.source === 'measured'));
    if (cost && cost.money >= 0) parts.push(money(cost.money, cost.currency));
  }
  return compact(parts);
}

/** The tooltip of that line. */
export function meterDetail(message) {
  const usage = message.usage;
  if (!usage) return '';
  const cost = usage.cost || {};
  const detail = t('detail', {
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens,
    seconds: cost.seconds > 0 ? short(cost.seconds) : '–',
  });
  return cost.joules > 0 ? detail + '\n' + t('perKwh', { count: large(3.6e6 / cost.joules) }) : detail;
}

/** The whole conversation's bill; empty before the first answer. */
export function total(spent) {
  if (!spent.answers) return '';
  const parts = [t(spent.answers === 1 ? 'totalOne' : 'total', { count: spent.answers })];
  if (spent.currency) parts.push(energy(spent.joules, spent.measured), money(spent.money, spent.currency));
  return compact(parts);
}

/** Adds one finished answer to the conversation's bill. */
export function addToTotal(spent, usage) {
  spent.answers += 1;
  const cost = usage && usage.cost;
  if (!cost) return;
  spent.joules += cost.joules || 0;
  spent.money += cost.money || 0;
  spent.currency = cost.currency || spent.currency;
  spent.measured = spent.measured && cost.source === 'measured';
}
