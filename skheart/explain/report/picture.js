// Draw a recording: the waveform, and below it the spectrogram with the contributions.

const LEFT = 62, RIGHT = 10, TOP = 6, GAP = 8, BOTTOM = 42;

function rgb(element, name) {
  const text = getComputedStyle(element).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
}

// Make an image from a function of column and row that returns [r, g, b, alpha].
function imageOf(width, height, colour) {
  const image = make("canvas", { width, height });
  const context = image.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.data.set(colour(x, y), 4 * (y * width + x));
  }
  context.putImageData(pixels, 0, 0);
  return image;
}

// The smallest round step that divides `range` into at most `most` parts.
function stepOf(range, most) {
  const rough = range / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough - 1e-9);
}

class Picture {
  constructor(canvas, data) {
    Object.assign(this, { canvas, data, number: 0, colours: true, moments: [], from: 0 });
    this.length = data.end;
  }

  setClass(number) {
    this.number = number;
    const [, nTimes, nFrequencies] = this.data.head.shape;
    const size = nTimes * nFrequencies;
    this.values = this.data.head.contribution.subarray(number * size, (number + 1) * size);
    const sizes = Float32Array.from(this.values, Math.abs).sort();
    // The 99th percentile, so that a few extreme cells do not make the others pale.
    this.scale = sizes[Math.floor(0.99 * (size - 1))] || sizes[size - 1] || 1;
    this.overlay = null;
  }

  // Discard the images when the colour scheme changes.
  repaint() {
    this.grey = this.overlay = null;
  }

  makeImages() {
    if (!this.grey) {
      const [nFrames, nMels] = this.data.features.shape;
      const levels = this.data.features.values;
      const [silent, loud] = [rgb(this.canvas, "--silent"), rgb(this.canvas, "--loud")];
      this.grey = imageOf(nFrames, nMels, (x, y) => {
        const level = levels[x * nMels + (nMels - 1 - y)] / 255;
        return [...silent.map((s, i) => s + (loud[i] - s) * level), 255];
      });
    }
    if (!this.overlay) {
      const [, nTimes, nFrequencies] = this.data.head.shape;
      const [good, bad] = [rgb(this.canvas, "--for"), rgb(this.canvas, "--against")];
      this.overlay = imageOf(nTimes, nFrequencies, (x, y) => {
        const value = this.values[x * nFrequencies + (nFrequencies - 1 - y)] / this.scale;
        const strength = Math.min(Math.abs(value), 1);
        return [...(value > 0 ? good : bad), 230 * strength ** 0.8];
      });
    }
  }

  // Horizontal pixel of a time, and the time of a pixel.
  x(time) {
    return LEFT + ((time - this.from) / this.length) * (this.width - LEFT - RIGHT);
  }

  timeAt(x) {
    const share = (x - LEFT) / (this.width - LEFT - RIGHT);
    return Math.min(Math.max(this.from + share * this.length, 0), this.data.end);
  }

  // Scroll a time into view; return whether the view moved.
  show(time) {
    if (time >= this.from && time <= this.from + this.length) return false;
    const last = Math.max(this.data.end - this.length, 0);
    this.from = Math.min(Math.max(time - 0.1 * this.length, 0), last);
    return true;
  }

  // Clear the canvas and fit it to the page; return its context and the colours, or null if hidden.
  begin() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    if (!this.width) return null;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(this.canvas);
    context.font = `13px ${style.fontFamily}`;
    return [context, (name) => style.getPropertyValue(name).trim()];
  }

  draw() {
    const begun = this.begin();
    if (!begun) return;
    const [context, ink] = begun;
    // Without sound, a narrow strip remains for the intervals.
    const waveHeight = this.data.wave ? Math.round(0.24 * this.height) : this.data.moments ? 12 : 0;
    this.mapTop = TOP + (waveHeight && waveHeight + GAP);
    this.mapHeight = this.height - this.mapTop - BOTTOM;
    this.makeImages();
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, this.width - LEFT - RIGHT, this.height);
    context.clip();
    this.drawMoments(context, ink, waveHeight);
    if (this.data.wave) this.drawWave(context, ink, waveHeight);
    this.drawMaps(context);
    context.restore();
    context.strokeStyle = ink("--line");
    if (waveHeight) context.strokeRect(LEFT - 0.5, TOP - 0.5, this.width - LEFT - RIGHT + 1, waveHeight + 1);
    this.drawAxes(context, ink);
    if (this.data.wave) this.drawUpright(context, "Sound", TOP + waveHeight / 2);
  }

  drawAxes(context, ink) {
    context.strokeRect(LEFT - 0.5, this.mapTop - 0.5, this.width - LEFT - RIGHT + 1, this.mapHeight + 1);
    context.fillStyle = ink("--ink");
    this.drawTimes(context);
    this.drawFrequencies(context);
    context.fillStyle = ink("--quiet");
    const name = this.data.frequencies ? "Frequency (Hz)" : "Mel bin";
    this.drawUpright(context, name, this.mapTop + this.mapHeight / 2);
  }

  drawMoments(context, ink, height) {
    for (const [start, end] of this.moments) {
      const [left, right] = [this.x(start), this.x(end)];
      context.fillStyle = ink("--band");
      context.fillRect(left, TOP, Math.max(right - left, 1), height);
      context.fillStyle = ink("--for");
      context.fillRect(left, TOP, Math.max(right - left, 1), 4);
    }
  }

  drawWave(context, ink, height) {
    const { values, seconds } = this.data.wave;
    const [middle, half] = [TOP + height / 2 + 2, height / 2 - 5];
    const first = Math.max(Math.floor(this.from / seconds) - 1, 0);
    const last = Math.min(Math.ceil((this.from + this.length) / seconds) + 1, values.length / 2);
    context.beginPath();
    for (let i = first; i < last; i++) {
      const x = this.x((i + 0.5) * seconds);
      context.lineTo(x, middle - (half * values[2 * i + 1]) / 127);
      context.lineTo(x, middle - (half * values[2 * i]) / 127);
    }
    context.strokeStyle = ink("--ink");
    context.lineWidth = 0.8;
    context.stroke();
    context.lineWidth = 1;
  }

  drawMaps(context) {
    const { begin, hop, cell, features, head } = this.data;
    const [nFrames, nMels] = features.shape;
    const [, nTimes, nFrequencies] = head.shape;
    const left = this.x(begin);
    const perFrame = this.x(begin + hop) - left;
    const perMel = this.mapHeight / nMels;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.grey, left, this.mapTop, perFrame * nFrames, this.mapHeight);
    if (!this.colours) return;
    // A single frequency row covers the full height; bins that pooling drops are at the top.
    const height = nFrequencies === 1 ? this.mapHeight : perMel * nFrequencies * cell[1];
    const top = this.mapTop + this.mapHeight - height;
    context.drawImage(this.overlay, left, top, perFrame * nTimes * cell[0], height);
  }

  drawTimes(context) {
    const step = stepOf(this.length, (this.width - LEFT - RIGHT) / 60);
    const bottom = this.mapTop + this.mapHeight;
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (let n = Math.ceil(this.from / step - 1e-9); n * step <= this.from + this.length + 1e-9; n++) {
      const x = this.x(n * step);
      context.fillRect(Math.round(x) - 0.5, bottom + 1, 1, 4);
      const half = context.measureText((n * step).toFixed(digits)).width / 2;
      context.fillText((n * step).toFixed(digits), Math.min(x, this.width - half), bottom + 7);
    }
    const name = this.data.unit === "s" ? "Time (s)" : "Frame";
    context.fillText(name, (LEFT + this.width - RIGHT) / 2, bottom + 25);
  }

  // Vertical pixel of the centre of a mel bin.
  y(bin) {
    const nMels = this.data.features.shape[1];
    return this.mapTop + this.mapHeight * (1 - (bin + 0.5) / nMels);
  }

  drawFrequencies(context) {
    const known = this.data.frequencies;
    const nMels = this.data.features.shape[1];
    const ticks = [];
    if (known) {
      const round = [20, 50, 100, 200, 300, 400, 500, 600, 800, 1000, 1200, 1500, 2000, 3000, 4000, 6000, 8000, 12000];
      for (const hertz of round) {
        const above = known.findIndex((f) => f >= hertz);
        if (above < 0 || hertz < known[0]) continue;
        const below = Math.max(above - 1, 0);
        const part = above === below ? 0 : (hertz - known[below]) / (known[above] - known[below]);
        ticks.push([below + part, String(hertz)]);
      }
    } else {
      const step = Math.max(stepOf(nMels, 6), 1);
      for (let bin = 0; bin < nMels; bin += step) ticks.push([bin, String(bin)]);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    let last = Infinity;
    for (const [bin, text] of ticks) {
      const y = this.y(bin);
      if (last - y < 18) continue;
      context.fillRect(LEFT - 5, Math.round(y) - 0.5, 4, 1);
      context.fillText(text, LEFT - 8, y);
      last = y;
    }
  }

  drawUpright(context, text, y) {
    context.save();
    context.translate(9, y);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, 0, 0);
    context.restore();
  }
}
