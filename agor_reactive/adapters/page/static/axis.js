// Maps time to places on a track. Pauses are shortened, so that an hour without events does not hide a minute with many.

const LEAST = 500; // ms of track that a long pause takes
const MOST = 5000;
const SHARE = 4; // all pauses take about this part of the track: a fourth

export class Axis {
  // `spans`: when something happened, as [from, to] in ms.
  constructor(begin, end, spans) {
    const active = spans.reduce((sum, [from, to]) => sum + to - from, 0);
    const most = Math.min(Math.max(active / (SHARE * Math.max(spans.length, 1)), LEAST), MOST);
    this.times = [begin];
    this.places = [0];
    this.pauses = []; // as [from, to, ms]: places, and how long it really was
    for (const [from, to] of [...spans, [end, end]]) {
      const pause = from - this.times.at(-1);
      if (pause > 0) this.add(from, Math.min(pause, most));
      if (pause > most) this.pauses.push([this.places.at(-2), this.places.at(-1), pause]);
      if (to > from) this.add(to, to - from);
    }
    this.total = this.places.at(-1);
  }

  add(time, length) {
    this.times.push(time);
    this.places.push(this.places.at(-1) + length);
  }

  place(time) {
    return between(this.times, this.places, time);
  }

  time(place) {
    return between(this.places, this.times, place);
  }
}

// The value in `to` that corresponds to `value` in `from`; both rise.
function between(from, to, value) {
  if (!(value > from[0])) return to[0];
  let low = 0;
  let high = from.length - 1;
  if (value >= from[high]) return to[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= value) low = middle;
    else high = middle;
  }
  return to[low] + ((value - from[low]) / (from[high] - from[low])) * (to[high] - to[low]);
}
