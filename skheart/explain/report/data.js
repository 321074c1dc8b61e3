"use strict";
// Decode the arrays of the page, and save files.

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function floats(text) {
  return text === null ? null : new Float32Array(bytes(text).buffer);
}

// Distribute the contributions of the cells of the average cycle over the frames of the recording.
function distributed(cycle, nFrames) {
  const [nClasses, nCells, nMels] = cycle.head.shape;
  const frames = new Uint32Array(bytes(cycle.shares.frames).buffer);
  const shares = floats(cycle.shares.values);
  const sums = new Float64Array(nClasses * nFrames * nMels);
  let i = 0;
  cycle.shares.counts.forEach((count, cell) => {
    for (const end = i + count; i < end; i++) {
      for (let k = 0; k < nClasses; k++) {
        const [from, to] = [(k * nCells + cell) * nMels, (k * nFrames + frames[i]) * nMels];
        for (let m = 0; m < nMels; m++) sums[to + m] += shares[i] * cycle.head.contribution[from + m];
      }
    }
  });
  return Float32Array.from(sums);
}

// Decode the maps of a recording into typed arrays, class by class and row by row.
function decoded(data) {
  const head = data.head;
  for (const name of ["contribution", "attention", "class_map"]) head[name] = floats(head[name]);
  data.features.values = bytes(data.features.values);
  if (data.wave) data.wave.values = new Int8Array(bytes(data.wave.values).buffer);
  if (data.cycle) {
    data.cycle.features.values = bytes(data.cycle.features.values);
    data.cycle.head.contribution = floats(data.cycle.head.contribution);
    if (data.cycle.shares) head.contribution = distributed(data.cycle, head.shape[1]);
  }
  const [nClasses, nTimes, nFrequencies] = head.shape;
  data.curves = Array.from({ length: nClasses }, () => new Float64Array(nTimes));
  head.contribution.forEach((value, i) => {
    const cell = Math.floor(i / nFrequencies);
    data.curves[Math.floor(cell / nTimes)][cell % nTimes] += value;
  });
  return data;
}

// The shortest decimal text of a float32 that reads back as the same number.
function shortest(value) {
  for (let digits = 6; digits < 9; digits++) {
    const number = Number(value.toPrecision(digits));
    if (Math.fround(number) === value) return String(number);
  }
  return String(Number(value.toPrecision(9)));
}

// The maps of a class as CSV, one line per cell of the model's own grid.
function csvOf(head, number) {
  const [, nTimes, nFrequencies] = head.shape;
  const names = ["contribution", "attention", "class_map"].filter((name) => head[name] !== null);
  const lines = [["time", "frequency", ...names].join(",")];
  const offset = number * nTimes * nFrequencies;
  for (let t = 0; t < nTimes; t++) {
    for (let f = 0; f < nFrequencies; f++) {
      const axes = [head.times ? head.times[t] : t, head.frequencies ? head.frequencies[f] : f];
      const at = offset + t * nFrequencies + f;
      lines.push([...axes, ...names.map((name) => shortest(head[name][at]))].join(","));
    }
  }
  return lines.join("\n") + "\n";
}

// A label track for Audacity.
function labelsOf(moments, label, from) {
  const at = (seconds) => (Number(seconds) + from).toFixed(6);
  return moments
    .map(([start, end, value]) => `${at(start)}\t${at(end)}\t${label} ${value}\n`)
    .join("");
}

function save(text, type, name) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// File name from the name of the recording, without folder and extension, and the class.
function fileName(recording, label, ending) {
  const stem = recording.replace(/^.*[\\/]/, "").replace(/\.\w{1,5}$/, "");
  const safe = `${stem}-${label}`.replace(/[^\p{L}\p{N}_.-]+/gu, "_").replace(/^[._]+/, "");
  return `${safe || "recording"}${ending}`;
}
