// Documents as values: applies a patch of the host's form to one, and finds the patch from one to another.
//
// A list is {order: [key], items: Map}. What a patch leaves alone is the same object in both documents.

const LIST = { order: [], items: new Map() };

export const BLANK = { head: {}, queue: [], tasks: LIST, parts: new Map() };

// `text` gives the text that an entry of a patch appends.
export function applied(old, { head, queue, tasks, parts }, text) {
  const made = { ...old };
  if (head) made.head = { ...old.head, ...head };
  if (queue) made.queue = queue;
  if (tasks) made.tasks = listed(old.tasks, tasks, (row, [, , fields]) => ({ ...row, ...fields }));
  if (parts || tasks?.gone) {
    made.parts = new Map(old.parts);
    for (const task of tasks?.gone ?? []) made.parts.delete(task); // a task goes with its parts
    for (const [task, patch] of Object.entries(parts ?? {})) {
      made.parts.set(task, listed(old.parts.get(task) ?? LIST, patch, (part, [, , fields, cut, more]) => ({
        fields: { ...part?.fields, ...fields },
        text: (part?.text ?? "").slice(0, cut ?? undefined) + text(more),
      })));
    }
  }
  return made;
}

function listed(old, { gone = [], put = [], order }, change) {
  const items = new Map(old.items);
  let keys = old.order;
  if (gone.length) {
    for (const key of gone) items.delete(key);
    keys = keys.filter((key) => items.has(key));
  }
  keys = [...keys];
  for (const entry of put) {
    const [key, at] = entry;
    if (!items.has(key)) keys.splice(at ?? keys.length, 0, key);
    items.set(key, change(items.get(key), entry));
  }
  return { order: order ?? keys, items };
}

export function difference(old, fresh) {
  const found = {};
  const head = old.head === fresh.head ? null : changed(old.head, fresh.head);
  if (head) found.head = head;
  if (old.queue !== fresh.queue) found.queue = fresh.queue;
  const tasks = listDifference(old.tasks, fresh.tasks, (before, row) => [changed(before ?? {}, row)]);
  if (tasks) found.tasks = tasks;
  const parts = {};
  for (const task of new Set([...fresh.parts.keys(), ...old.parts.keys()])) {
    if (task && !fresh.tasks.items.has(task)) continue;
    const patch = listDifference(old.parts.get(task) ?? LIST, fresh.parts.get(task) ?? LIST, partDifference);
    if (patch) parts[task] = patch;
  }
  if (Object.keys(parts).length) found.parts = parts;
  return found;
}

function changed(old, fresh) {
  const fields = Object.entries(fresh).filter(([key, value]) => {
    return !(key in old) || (old[key] !== value && JSON.stringify(old[key]) !== JSON.stringify(value));
  });
  return fields.length ? Object.fromEntries(fields) : null;
}

function listDifference(old, fresh, compare) {
  if (old === fresh) return null;
  const gone = old.order.filter((key) => !fresh.items.has(key));
  const put = [];
  fresh.order.forEach((key, at) => {
    const before = old.items.get(key);
    const item = fresh.items.get(key);
    if (before === item) return;
    const [fields, ...text] = compare(before, item);
    if (before && !fields && !text.length) return;
    put.push([key, before ? null : at, fields ?? {}, ...text]);
  });
  const stay = old.order.filter((key) => fresh.items.has(key));
  const moved = fresh.order.filter((key) => old.items.has(key)).some((key, at) => key !== stay[at]);
  if (!gone.length && !put.length && !moved) return null;
  return moved ? { gone, put, order: fresh.order } : { gone, put };
}

function partDifference(before, part) {
  const fields = changed(before?.fields ?? {}, part.fields);
  const old = before?.text ?? "";
  const { text } = part;
  if (old === text) return [fields];
  if (text.startsWith(old)) return [fields, null, text.slice(old.length)];
  let same = 0;
  while (same < text.length && text.charCodeAt(same) === old.charCodeAt(same)) same += 1;
  return [fields, same, text.slice(same)];
}
