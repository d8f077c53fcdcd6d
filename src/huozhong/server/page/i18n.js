// Every word that the page itself says, in Chinese and in English.

const TEXT = {
  zh: {
    brand: '火种',
    tagline: '想算点什么、写点什么？',
    promise: '模型就运行在为你打开这个页面的机器上，你的话不会送往别处。',
    newChat: '新对话',
    language: 'Switch to English',
    languageShort: 'EN',
    dark: '换成深色',
    light: '换成浅色',
    settings: '设置',
    close: '关闭',
    placeholder: '问一个问题…',
    inputLabel: '你的问题',
    send: '发送',
    stop: '停止回答',
    hint: '回车发送 · Shift+回车换行',
    caution: '模型会出错，要紧的事请再核对。',
    cleared: '已开始新对话。',
    undo: '找回刚才的',
    skip: '跳到输入框',
    toEnd: '回到最新',
    conversation: '对话',
    you: '你',
    edit: '修改这个问题',
    cancel: '取消',
    copy: '复制',
    copied: '已复制',
    copyAnswer: '复制回答',
    copyFailed: '浏览器不让复制，请手动选中。',
    again: '重新回答',
    code: '代码',
    thinking: '正在思考…',
    thought: '思考过程 · {seconds} 秒',
    thoughtPlain: '思考过程',
    answering: '正在回答…',
    stopped: '已停止。',
    lengthLimit: '回答到了长度上限，没有写完。',
    cutByReload: '页面刷新时回答还没写完。',
    empty: '模型没有写出回答。',
    retry: '重试',
    'error.offline': '联系不上服务器。请看看它是否还开着，然后重试。',
    'error.cut': '回答写到一半，和服务器的连接断了。',
    'error.context': '这段对话太长，模型记不下了。开始一个新对话就好。',
    'error.busy': '服务器正忙，请稍等一会儿再试。',
    'error.server': '服务器没能回答：{message}',
    storageFull: '浏览器没有地方保存这段对话，刷新后会丢失。',
    renderFailed: '排版没有完成，先显示原文。',
    characters: '{count} 字',
    tokens: '{count} tokens',
    speed: '{rate} tokens/s',
    joules: '{value} 焦耳',
    kilojoules: '{value} 千焦',
    estimated: '(估)',
    total: '本次对话 {count} 答',
    totalOne: '本次对话 1 答',
    perKwh: '照这样，一度电够回答约 {count} 次。',
    million: '{value} 万',
    detail: '输入 {prompt} tokens，输出 {completion} tokens，用时 {seconds} 秒',
    think: '先思考再回答',
    thinkHint: '更准，但要多等一会儿。',
    temperature: '温度',
    temperatureHint: '越低越稳，越高越多样。“重新回答”时至少用 0.7。',
    modelDefault: '模型自带',
    system: '系统提示词',
    systemHint: '放在每次对话的最前面，可以不填。',
    systemPlaceholder: '例如：你是一位耐心的小学老师。',
    reset: '恢复默认',
    context: '最多记住 {count} tokens',
    cards: [
      ['calc', '应用题', '小明有36个苹果，每天吃4个，吃了5天，还剩几个？'],
      ['ruler', '换算单位', '5千克等于多少克？'],
      ['puzzle', '猜谜', '给我出个谜语'],
      ['brush', '写诗', '写一首关于春雨的五言绝句'],
      ['talk', '笑话', '讲个笑话'],
      ['book', '成语', '“画蛇添足”是什么意思？'],
    ],
  },
  en: {
    brand: 'Huozhong',
    tagline: 'What shall we work out today?',
    promise: 'The model runs on the machine that serves this page; your words go nowhere else.',
    newChat: 'New chat',
    language: '换成中文',
    languageShort: '中',
    dark: 'Switch to dark',
    light: 'Switch to light',
    settings: 'Settings',
    close: 'Close',
    placeholder: 'Ask a question…',
    inputLabel: 'Your question',
    send: 'Send',
    stop: 'Stop answering',
    hint: 'Enter to send · Shift+Enter for a new line',
    caution: 'Models make mistakes; check what matters.',
    cleared: 'Started a new chat.',
    undo: 'Bring back the last one',
    skip: 'Skip to the input',
    toEnd: 'Back to the latest',
    conversation: 'Conversation',
    you: 'You',
    edit: 'Edit this question',
    cancel: 'Cancel',
    copy: 'Copy',
    copied: 'Copied',
    copyAnswer: 'Copy the answer',
    copyFailed: 'The browser does not allow copying; please select by hand.',
    again: 'Answer again',
    code: 'code',
    thinking: 'Thinking…',
    thought: 'Thoughts · {seconds} s',
    thoughtPlain: 'Thoughts',
    answering: 'Answering…',
    stopped: 'Stopped.',
    lengthLimit: 'The answer reached its length limit and is not finished.',
    cutByReload: 'The page was reloaded before the answer was finished.',
    empty: 'The model wrote no answer.',
    retry: 'Try again',
    'error.offline': 'The server cannot be reached. Please see whether it is still running, then try again.',
    'error.cut': 'The connection to the server broke in the middle of the answer.',
    'error.context': 'This conversation is longer than the model can remember. Please start a new one.',
    'error.busy': 'The server is busy; please try again in a moment.',
    'error.server': 'The server could not answer: {message}',
    storageFull: 'The browser has no room to keep this conversation; a reload would lose it.',
    renderFailed: 'Typesetting failed; this is the plain text.',
    characters: '',
    tokens: '{count} tokens',
    speed: '{rate} tokens/s',
    joules: '{value} J',
    kilojoules: '{value} kJ',
    estimated: ' (est.)',
    total: 'This chat: {count} answers',
    totalOne: 'This chat: 1 answer',
    perKwh: 'At this rate, one kilowatt-hour is good for about {count} answers.',
    million: '{value} million',
    detail: '{prompt} tokens in, {completion} tokens out, {seconds} s',
    think: 'Think before answering',
    thinkHint: 'More accurate, but takes a little longer.',
    temperature: 'Temperature',
    temperatureHint: 'Low is steady, high is varied. “Answer again” uses at least 0.7.',
    modelDefault: 'the model’s own',
    system: 'System prompt',
    systemHint: 'Goes before every conversation; may be left empty.',
    systemPlaceholder: 'For example: You are a patient primary-school teacher.',
    reset: 'Back to defaults',
    context: 'remembers up to {count} tokens',
    cards: [
      ['calc', 'Problem', 'Tom has 36 apples and eats 4 a day for 5 days. How many apples are left?'],
      ['ruler', 'Units', 'How many grams are 5 kilograms?'],
      ['puzzle', 'A riddle', 'Ask me a riddle'],
      ['flame', 'Compare', 'Which is bigger, 9.8 or 9.11?'],
      ['talk', 'A joke', 'Tell me a joke'],
      ['book', 'An idiom', 'Teach me a Chinese idiom'],
    ],
  },
};

export function language() {
  return document.documentElement.lang === 'en' ? 'en' : 'zh';
}

/** The text for `key` in the present language, with {name} filled in from `values`. */
export function t(key, values) {
  const text = TEXT[language()][key];
  if (typeof text !== 'string') return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}

/** Fills every element marked data-t (text), data-t-label (label and tooltip) or data-t-placeholder. */
export function translate(root) {
  root.querySelectorAll('[data-t]').forEach((node) => {
    node.textContent = t(node.getAttribute('data-t'));
  });
  root.querySelectorAll('[data-t-label]').forEach((node) => label(node, node.getAttribute('data-t-label')));
  root.querySelectorAll('[data-t-placeholder]').forEach((node) => {
    node.placeholder = t(node.getAttribute('data-t-placeholder'));
  });
}

/** Gives a control without text its name, for screen readers and as a tooltip; survives a language switch. */
export function label(node, key) {
  node.setAttribute('data-t-label', key);
  node.setAttribute('aria-label', t(key));
  if (node.tagName === 'BUTTON') node.title = t(key);
}
