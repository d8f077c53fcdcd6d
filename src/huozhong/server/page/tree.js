// A conversation is a tree of messages; what is shown is one way from its root to a leaf.  Pure functions.

function order(a, b) {
  return a.seq - b.seq;
}

/** The messages beside `message`, itself included, oldest first. */
export function siblings(messages, message) {
  return messages.filter((other) => other.parent === message.parent).sort(order);
}

/** Under `message` the newest way down: its last message. */
export function leafUnder(messages, message) {
  let leaf = message;
  for (;;) {
    const below = messages.filter((other) => other.parent === leaf.id).sort(order);
    if (!below.length) return leaf;
    leaf = below[below.length - 1];
  }
}

/** From the root to the leaf with that id; without one, to the message that came last. */
export function wayTo(messages, leafId) {
  if (!messages.length) return [];
  const byId = new Map(messages.map((message) => [message.id, message]));
  let message = byId.get(leafId) || leafUnder(messages, messages.slice().sort(order)[messages.length - 1]);
  message = leafUnder(messages, message);
  const way = [];
  while (message) {
    way.unshift(message);
    message = byId.get(message.parent);
  }
  return way;
}

/** The known messages, and those of `seen` that are new.  Messages are never taken away: none is lost by an old look. */
export function union(known, seen) {
  const ids = new Set(known.map((message) => message.id));
  return known.concat(seen.filter((message) => !ids.has(message.id)));
}

/** parent -> its messages in their order: one walk through the tree, however long the chat is. */
export function families(messages) {
  const found = new Map();
  messages.forEach((message) => {
    if (!found.has(message.parent)) found.set(message.parent, []);
    found.get(message.parent).push(message);
  });
  found.forEach((group) => group.sort((a, b) => a.seq - b.seq));
  return found;
}
