// What the pages of accounts, of the owner and of apps share: words, elements, buttons.

import { ApiError } from './api.js';
import { inOwn } from './hant.js';
import { isChinese, language, setLanguage } from './language.js';

const WORDS = {
  zh: {
    brand: '火种',
    other: 'English',
    name: '名字',
    password: '密码',
    showPassword: '显示密码',
    code: '加入码',
    loginTitle: '欢迎回来',
    loginLead: '这台机器上的助手，只给自家人用。',
    login: '登录',
    joinTitle: '加入',
    joinLead: '给自己起个名字，再设一个密码（至少 8 个字符）。',
    join: '加入',
    toJoin: '我有加入码',
    toLogin: '我已经有账号',
    setupTitle: '第一次启动',
    setupLead: '你是这里的第一位管理员。起个名字，设一个密码（至少 8 个字符）。',
    setup: '开始',
    busy: '请稍等…',
    offline: '联系不上服务器。请看看它是否还开着。',
    fill: '请把空格都填上。',
    wait: '请等 {seconds} 秒再试。',
    account: '账号',
    back: '回到对话',
    logout: '退出登录',
    yourRole: '{role}',
    owner: '管理员',
    member: '成员',
    teacher: '老师',
    child: '孩子',
    language: '语言',
    asBrowser: '跟随浏览器',
    sessions: '登录着的设备',
    sessionsHint: '不认识的，就结束它。',
    thisOne: '这台设备',
    end: '结束',
    endOthers: '结束其他所有设备',
    seen: '{time} 用过',
    keys: '密钥',
    keysHint: '给编辑器和其他程序用。只显示一次，请马上抄下来。',
    newKey: '新密钥',
    keyName: '用途，例如：编辑器',
    chat: '对话',
    models: '模型',
    embeddings: '向量',
    metrics: '监控',
    admin: '管理',
    make: '生成',
    remove: '删除',
    reallyRemove: '真的删除？',
    yourKey: '新的密钥（只显示这一次）',
    copy: '复制',
    copied: '已复制',
    never: '没用过',
    changePassword: '修改密码',
    oldPassword: '现在的密码',
    newPassword: '新密码',
    save: '保存',
    saved: '已保存',
    passwordChanged: '密码改好了，其他设备都退出了。',
    budget: '今天的额度',
    leftTokens: '还剩 {left} / {all} 词元',
    leftMoney: '还剩 {left} / {all}',
    ownerPage: '管理',
    house: '这个家',
    now: '现在',
    running: '正在回答',
    waiting: '正在排队',
    speed: '词元/秒',
    first: '第一个字（中位数 / 95%）',
    hits: '缓存命中',
    disk: '磁盘空闲',
    database: '数据库',
    memory: '缓存页',
    here: '谁在',
    nobodyHere: '现在没有别人。',
    ago: '{seconds} 秒前',
    speedChart: '最近一小时：每秒词元',
    firstChart: '最近一小时：第一个字的平均秒数',
    loadChart: '最近一小时：同时回答的数目',
    usedChart: '每天的词元，按人',
    joulesChart: '每天的能量（焦耳），按人',
    people: '大家',
    addPerson: '添加一个人',
    role: '角色',
    quiet: '休息时间',
    quietHint: '这段时间孩子的问题不回答（求救除外）。',
    to: '到',
    dailyTokens: '每天词元',
    dailyMoney: '每天花费',
    none: '不限',
    disabled: '停用',
    add: '添加',
    resetPassword: '设新密码',
    joinCode: '加入码',
    joinCodeHint: '让手机扫一扫，或者在登录页输入。一天后失效。',
    noCode: '现在没有加入码。',
    newMember: '给成员的新码',
    newChild: '给孩子的新码',
    childApps: '这个孩子看得到的应用',
    appsChosen: '按你选的。',
    chooseApps: '就选这些',
    appsDefault: '还没有选：看得到自带的学习类应用。',
    asDefault: '恢复默认',
    stopJoin: '不再让人加入',
    expires: '{time} 失效',
    used: '用量',
    day: '日期',
    person: '谁',
    requests: '次数',
    tokens: '词元',
    joules: '焦耳',
    money: '花费',
    total: '合计',
    noUse: '还没有用过。',
    log: '今天的日志',
    time: '时间',
    what: '什么',
    status: '状态',
    milliseconds: '毫秒',
    noLog: '今天还没有记录。',
    backup: '备份',
    backupNow: '马上备份',
    backupDone: '备份好了：{file}',
    everybody: '这台机器',
    refresh: '刷新',
    trustTitle: '让设备信任这个家',
    trustLead: '这个家用自己的证书加密。装一次证书，浏览器就不再警告，麦克风和相机也能用了。',
    fingerprint: '证书指纹（SHA-256），应和服务器屏幕上的一样',
    download: '下载证书',
    toHouse: '打开火种',
    noAuthority: '这个家没有开 HTTPS；请用 huozhong serve --lan --https 启动。',
    iphone: 'iPhone / iPad',
    iphoneSteps: ['用 Safari 打开本页，点“下载证书”，再点“允许”。', '打开“设置”，点最上面的“已下载描述文件”，点“安装”。', '到“设置 › 通用 › 关于本机 › 证书信任设置”，打开 Huozhong 的开关。'],
    android: 'Android',
    androidSteps: ['点“下载证书”。', '打开“设置”，搜索“CA 证书”（多在“安全 › 更多安全设置 › 加密与凭据 › 安装证书 › CA 证书”）。', '点“仍然安装”，选刚下载的 huozhong.crt。'],
    windows: 'Windows',
    windowsSteps: ['点“下载证书”，双击 huozhong.crt，点“安装证书”。', '选“当前用户”，再选“将所有的证书都放入下列存储”，浏览到“受信任的根证书颁发机构”。', '点“完成”，再点“是”。Firefox 要在“设置 › 隐私与安全 › 证书 › 查看证书 › 导入”里再装一次。'],
    mac: 'macOS / Linux',
    macSteps: ['macOS：双击 huozhong.crt 放进“登录”钥匙串，双击它，在“信任”里选“始终信任”。', 'Linux：把 huozhong.crt 放进 /usr/local/share/ca-certificates，运行 sudo update-ca-certificates；浏览器在自己的证书设置里导入。'],
  },
  en: {
    brand: 'Huozhong',
    other: '中文',
    name: 'Name',
    password: 'Password',
    showPassword: 'Show the password',
    code: 'Join code',
    loginTitle: 'Welcome back',
    loginLead: 'The assistant on this machine is for those who live here.',
    login: 'Log in',
    joinTitle: 'Join',
    joinLead: 'Choose a name, and a password of at least 8 characters.',
    join: 'Join',
    toJoin: 'I have a join code',
    toLogin: 'I have an account',
    setupTitle: 'The first start',
    setupLead: 'You are the first owner of this house. Choose a name, and a password of at least 8 characters.',
    setup: 'Begin',
    busy: 'One moment…',
    offline: 'The server cannot be reached. Is it still running?',
    fill: 'Please fill in every field.',
    wait: 'Please wait {seconds} s before the next try.',
    account: 'Account',
    back: 'Back to the chat',
    logout: 'Log out',
    yourRole: '{role}',
    owner: 'owner',
    member: 'member',
    teacher: 'teacher',
    child: 'child',
    language: 'Language',
    asBrowser: 'as the browser',
    sessions: 'Devices that are logged in',
    sessionsHint: 'End those that you do not know.',
    thisOne: 'this one',
    end: 'End',
    endOthers: 'End all others',
    seen: 'used {time}',
    keys: 'Keys',
    keysHint: 'For editors and other programs. A key is shown once; copy it right away.',
    newKey: 'New key',
    keyName: 'What for, such as: my editor',
    chat: 'chat',
    models: 'models',
    embeddings: 'embeddings',
    metrics: 'metrics',
    admin: 'admin',
    make: 'Make',
    remove: 'Remove',
    reallyRemove: 'Really remove?',
    yourKey: 'The new key (shown only now)',
    copy: 'Copy',
    copied: 'Copied',
    never: 'never used',
    changePassword: 'Change the password',
    oldPassword: 'Present password',
    newPassword: 'New password',
    save: 'Save',
    saved: 'Saved',
    passwordChanged: 'The password is changed; all other devices are logged out.',
    budget: 'Today’s budget',
    leftTokens: '{left} of {all} tokens left',
    leftMoney: '{left} of {all} left',
    ownerPage: 'Manage',
    house: 'This house',
    now: 'Now',
    running: 'answering',
    waiting: 'waiting',
    speed: 'tokens/s',
    first: 'first token (median / 95%)',
    hits: 'cache hits',
    disk: 'free disk',
    database: 'database',
    memory: 'cache pages',
    here: 'Who is here',
    nobodyHere: 'Nobody else just now.',
    ago: '{seconds} s ago',
    speedChart: 'Last hour: tokens per second',
    firstChart: 'Last hour: mean seconds to the first token',
    loadChart: 'Last hour: answers at once',
    usedChart: 'Tokens by day and person',
    joulesChart: 'Joules by day and person',
    people: 'People',
    addPerson: 'Add somebody',
    role: 'Role',
    quiet: 'Quiet hours',
    quietHint: 'A child is not answered then (but in an emergency).',
    to: 'to',
    dailyTokens: 'Tokens a day',
    dailyMoney: 'Money a day',
    none: 'no limit',
    disabled: 'disabled',
    add: 'Add',
    resetPassword: 'New password',
    joinCode: 'Join code',
    joinCodeHint: 'Let a phone scan it, or type it on the login page. It holds for a day.',
    noCode: 'There is no join code now.',
    newMember: 'New code for members',
    newChild: 'New code for children',
    childApps: 'Apps this child sees',
    appsChosen: 'As you chose.',
    chooseApps: 'Choose these',
    appsDefault: 'Nobody has chosen: the learning apps that came with the house.',
    asDefault: 'As by default',
    stopJoin: 'Let nobody join any more',
    expires: 'until {time}',
    used: 'What was used',
    day: 'Day',
    person: 'Who',
    requests: 'Answers',
    tokens: 'Tokens',
    joules: 'Joules',
    money: 'Money',
    total: 'Together',
    noUse: 'Nothing was used yet.',
    log: 'Today’s log',
    time: 'Time',
    what: 'What',
    status: 'Status',
    milliseconds: 'ms',
    noLog: 'Nothing today.',
    backup: 'Backup',
    backupNow: 'Back up now',
    backupDone: 'Backed up: {file}',
    everybody: 'this machine',
    refresh: 'Refresh',
    trustTitle: 'Let this device trust the house',
    trustLead: 'This house encrypts with a certificate of its own. Install it once, and browsers warn no more and give microphone and camera.',
    fingerprint: 'The certificate’s fingerprint (SHA-256); it should be the one on the server’s screen',
    download: 'Download the certificate',
    toHouse: 'Open Huozhong',
    noAuthority: 'This house does not speak HTTPS; start it with huozhong serve --lan --https.',
    iphone: 'iPhone / iPad',
    iphoneSteps: ['Open this page in Safari, tap “Download the certificate”, then “Allow”.', 'Open Settings, tap “Profile Downloaded” at the top, then “Install”.', 'Go to Settings › General › About › Certificate Trust Settings, and switch Huozhong on.'],
    android: 'Android',
    androidSteps: ['Tap “Download the certificate”.', 'Open Settings and search for “CA certificate” (mostly under Security › More security settings › Encryption & credentials › Install a certificate).', 'Tap “Install anyway” and choose huozhong.crt.'],
    windows: 'Windows',
    windowsSteps: ['Download the certificate, double-click huozhong.crt, then “Install Certificate”.', 'Choose “Current User”, then “Place all certificates in the following store” and browse to “Trusted Root Certification Authorities”.', 'Finish, and answer Yes. Firefox needs it once more: Settings › Privacy & Security › View Certificates › Import.'],
    mac: 'macOS / Linux',
    macSteps: ['macOS: double-click huozhong.crt to put it into the login keychain, double-click it there, and choose “Always Trust”.', 'Linux: put huozhong.crt into /usr/local/share/ca-certificates and run sudo update-ca-certificates; browsers import it in their own certificate settings.'],
  },
};

export const $ = (id) => document.getElementById(id);

/**
 * A function that says `key` in the reader's language, with {name} filled in from `values`; words: {zh, en}, of which a
 * page may have fetched only the half that is read.
 */
export function sayer(words) {
  return (key, values) => {
    const half = isChinese() ? 'zh' : 'en';
    const text = inOwn({ [half]: words[half][key] });
    if (typeof text !== 'string') return text;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  };
}

export const say = sayer(WORDS);

/** Fills every element marked data-say, and the button that changes the language; then calls `show`. */
export function speak(show) {
  const chinese = isChinese() ? language() : 'zh'; // traditional stays traditional
  function tell() {
    document.querySelectorAll('[data-say]').forEach((node) => {
      node.textContent = say(node.getAttribute('data-say'));
    });
    $('language').textContent = say('other');
    $('language').lang = isChinese() ? 'en' : 'zh-CN';
    show();
  }
  $('language').addEventListener('click', () => {
    setLanguage(isChinese() ? 'en' : chinese);
    tell();
  });
  tell();
}

/** What went wrong, in words; anything but the server's refusal is thrown on. */
export function reason(error) {
  if (!(error instanceof ApiError)) throw error;
  return error.kind === 'offline' ? say('offline') : error.message;
}

/** An element; attributes: also `text`, and `onclick` and the like as functions; what is false or null is left out. */
export function node(tag, attributes, children) {
  const made = document.createElement(tag);
  Object.keys(attributes || {}).forEach((name) => {
    const value = attributes[name];
    if (name === 'text') made.textContent = value;
    else if (name.slice(0, 2) === 'on') made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  });
  (children || []).forEach((child) => child && made.appendChild(typeof child === 'string' ? document.createTextNode(child) : child));
  return made;
}

/** A button that runs `act`; what it is refused is said in `problem`. */
export function button(text, className, act, problem) {
  const made = node('button', { class: className, text });
  made.type = 'button';
  made.addEventListener('click', () => run(made, act, problem));
  return made;
}

/** A button that asks "really?" before it runs. */
export function sure(text, act, problem) {
  const made = node('button', { class: 'plain bad', text });
  made.type = 'button';
  let asked = false;
  made.addEventListener('click', () => {
    if (asked) return run(made, act, problem);
    asked = true;
    made.textContent = say('reallyRemove');
    setTimeout(() => {
      asked = false;
      made.textContent = text;
    }, 4000);
    return undefined;
  });
  return made;
}

export async function run(control, act, problem) {
  control.disabled = true;
  problem.textContent = '';
  try {
    await act();
  } catch (error) {
    problem.textContent = reason(error);
  } finally {
    control.disabled = false;
  }
}

export function when(milliseconds) {
  const options = { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit' };
  return new Date(milliseconds).toLocaleString(isChinese() ? 'zh-CN' : 'en', options);
}
