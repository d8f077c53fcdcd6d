// The owner's page: tool servers of others that the chat page may offer.

import { ask } from './api.js';
import { inOwn } from './hant.js';
import { $, button, node, sayer, sure } from './house.js';

const WORDS = {
  zh: {
    toolServers: '外来工具',
    toolsHint: '别人的工具服务（MCP）。接进来以后，成员可以在对话的设置里打开；每次调用都先给他看内容，由他同意。孩子看不到。要接本机的一条命令：huozhong tools add 名字 -- 命令。命令以运行火种的这个用户的权限运行，只接你信得过的。',
    toolName: '名字（小写字母、数字）',
    toolUrl: '网址',
    toolKey: '密钥（可不填，作为 Authorization: Bearer 发送）',
    addTool: '接进来',
    on: '停用',
    off: '启用',
    isOff: '已停用',
    noTools: '还没有。',
    remove: '删除',
  },
  en: {
    toolServers: 'Tools of others',
    toolsHint: 'Tool servers (MCP) that others wrote. Once connected, members may switch them on in a conversation’s settings; every call is shown to them first and waits for their yes. Children see none. To connect a command of this machine: huozhong tools add NAME -- COMMAND. It runs with the rights of whoever runs Huozhong: connect only what you trust.',
    toolName: 'Name (small letters, digits)',
    toolUrl: 'Address',
    toolKey: 'Key (optional, sent as Authorization: Bearer)',
    addTool: 'Connect',
    on: 'Switch off',
    off: 'Switch on',
    isOff: 'switched off',
    noTools: 'None yet.',
    remove: 'Remove',
  },
};
const PATH = '/house/tools';
let servers = [];

const own = sayer(WORDS);

function serverBox(server) {
  const problem = node('p', { class: 'problem', role: 'alert', text: server.problem ? inOwn({ zh: server.problem[0], en: server.problem[1] }) : '' });
  const path = PATH + '/' + encodeURIComponent(server.name);
  const switched = button(own(server.on ? 'on' : 'off'), 'plain', async () => {
    await ask('PATCH', path, { on: !server.on });
    await load();
  }, problem);
  const remove = sure(own('remove'), () => ask('DELETE', path).then(load), problem);
  const tools = server.tools.map((tool) => node('li', {}, [node('b', { text: tool.name }), node('small', { text: ' ' + tool.description })]));
  server.left_out.forEach((told) => tools.push(node('li', { class: 'hint', text: told })));
  return node('details', { class: 'person' }, [
    node('summary', { text: server.name }, [node('small', { text: server.on ? server.where : own('isOff') })]),
    node('p', { class: 'hint', text: server.where }), node('ul', {}, tools), problem,
    node('div', { class: 'row-line' }, [switched, remove]),
  ]);
}

function input(key, type) {
  const made = node('input', { type, autocomplete: 'off' });
  return [made, node('label', {}, [node('span', { text: own(key) }), made])];
}

function form() {
  const [name, nameLabel] = input('toolName', 'text');
  const [url, urlLabel] = input('toolUrl', 'url');
  const [key, keyLabel] = input('toolKey', 'password');
  const problem = node('p', { class: 'problem', role: 'alert' });
  const add = button(own('addTool'), 'plain', async () => {
    const headers = key.value ? { Authorization: 'Bearer ' + key.value } : {};
    await ask('POST', PATH, { name: name.value, url: url.value, headers });
    await load();
  }, problem);
  return node('div', {}, [node('div', { class: 'row-line' }, [nameLabel, urlLabel, keyLabel, add]), problem]);
}

function show() {
  const box = $('tools-box');
  box.hidden = false;
  box.replaceChildren(
    node('h2', { text: own('toolServers') }), node('p', { class: 'hint', text: own('toolsHint') }),
    ...(servers.length ? servers.map(serverBox) : [node('p', { class: 'hint', text: own('noTools') })]), form(),
  );
}

async function load() {
  servers = (await ask('GET', PATH + '/all')).servers;
  show();
}

// Who may not change what is on this machine is shown nothing of it.
load().catch(() => { $('tools-box').hidden = true; });
$('language').addEventListener('click', () => $('tools-box').hidden || show());
