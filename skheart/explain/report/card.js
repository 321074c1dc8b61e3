// One recording on the page: its texts, pictures and controls.

const inSeconds = (value, digits = 1) => `${value.toFixed(digits)} s`;
const inPercent = (value) => `${(100 * value).toFixed(1)}%`;

function addCell(row, tag, content, properties) {
  const cell = make(tag, properties);
  cell.append(content);
  row.append(cell);
}

class Card {
  constructor(summary, source, number) {
    Object.assign(this, { summary, source, number: summary.shown });
    this.root = document.getElementById("card").content.cloneNode(true).firstElementChild;
    this.root.id = `recording-${number}`;
    this.get("name").id = `name-${number}`;
    this.root.setAttribute("aria-labelledby", `name-${number}`);
    this.get("name").textContent = this.name;
    this.get("path").textContent = this.name === summary.name ? "" : summary.name;
    const best = make("b", { textContent: summary.classes[summary.predicted] });
    this.get("answer").append(
      "The model's answer: ", best, `, with a probability of ${inPercent(summary.probabilities[summary.predicted])}.`
    );
    this.get("notes").textContent = [...summary.notes, summary.method].join(" ");
    this.fillClasses();
  }

  get(name) {
    return this.root.querySelector(`.${name}`);
  }

  // The file name without its folder.
  get name() {
    return this.summary.name.replace(/^.*[\\/](?=.)/s, "");
  }

  get label() {
    return this.summary.classes[this.number];
  }

  fillClasses() {
    const { classes, probabilities, predicted } = this.summary;
    classes.forEach((label, k) => {
      const row = this.root.querySelector(".classes tbody").insertRow();
      if (k === predicted) row.className = "chosen";
      const [bar, filled] = [make("div", { className: "bar" }), make("div")];
      filled.style.width = inPercent(probabilities[k]);
      bar.append(filled);
      addCell(row, "th", label, { scope: "row", title: label });
      addCell(row, "td", bar);
      addCell(row, "td", inPercent(probabilities[k]));
      this.get("class").add(new Option(label, k, false, k === this.number));
    });
  }

  // Decode and draw, once the recording is scrolled into view.
  open() {
    if (this.data) return;
    this.data = decoded(JSON.parse(this.source.textContent));
    this.source.remove();
    this.picture = new Picture(this.get("picture"), this.data);
    const audio = this.root.querySelector("audio");
    this.player = new Player(audio, this.data.wav, this.data.end, () => this.update());
    this.data.wav = null;
    this.pictures = [this.picture];
    this.get("cycle").hidden = !this.data.cycle;
    if (this.data.cycle) {
      this.cycle = new CyclePicture(this.get("cycle-picture"), this.data.cycle);
      this.pictures.push(this.cycle);
    }
    const seconds = this.data.unit === "s";
    this.get("sound").hidden = !this.player.audio;
    for (const name of ["of-moments", "moments", "share-of-time", "save-labels", "of-labels"]) {
      this.get(name).hidden = !this.data.moments;
    }
    this.get("keys").hidden = !this.player.audio;
    this.get("view").add(new Option("whole recording", this.data.end));
    for (const length of [10, 5, 2]) {
      if (seconds && length < 0.7 * this.data.end) this.get("view").add(new Option(`${length} s`, length));
    }
    this.get("view").parentElement.hidden = this.get("view").length < 2;
    this.connect();
    this.choose();
    new ResizeObserver(() => this.draw()).observe(this.get("picture"));
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", () => { this.pictures.forEach((p) => p.repaint()); this.draw(); });
  }

  connect() {
    const on = (name, event, action) => this.get(name).addEventListener(event, action);
    on("play", "click", () => this.player.toggle());
    on("speed", "change", (e) => this.player.setSpeed(Number(e.target.value)));
    on("only", "change", (e) => {
      this.player.only = e.target.checked;
      this.player.skip();
    });
    on("class", "change", (e) => { this.number = Number(e.target.value); this.choose(); });
    on("share", "change", () => this.choose());
    on("colours", "change", (e) => {
      for (const picture of this.pictures) picture.colours = e.target.checked;
      this.draw();
    });
    on("view", "change", (e) => {
      this.picture.length = Number(e.target.value);
      this.picture.from = Infinity; // the view then moves to the cursor
      this.picture.show(this.player.time);
      this.draw();
    });
    on("picture", "click", (e) => {
      const left = this.get("picture").getBoundingClientRect().left;
      this.player.seek(this.picture.timeAt(e.clientX - left));
      this.player.play();
    });
    this.root.addEventListener("keydown", (e) => this.key(e));
    this.root.addEventListener("pointerdown", () => { Card.last = this; });
    this.root.addEventListener("focusin", () => { Card.last = this; });
    const name = (ending) => fileName(this.summary.name, this.label, ending);
    on("save-csv", "click", () => save(csvOf(this.data.head, this.number), "text/csv", name(".csv")));
    on("save-labels", "click", () => {
      save(labelsOf(this.moments(), this.label, this.summary.start), "text/plain", name("-labels.txt"));
    });
  }

  key(event) {
    if (event.target.closest("button, select, input, a")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const step = (event.shiftKey ? 1 : 0.1) * (this.data.unit === "s" ? 1 : 10);
    const actions = {
      " ": () => this.player.toggle(),
      ArrowLeft: () => this.player.seek(this.player.time - step),
      ArrowRight: () => this.player.seek(this.player.time + step),
      Home: () => this.player.seek(0),
      End: () => this.player.seek(this.data.end),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  moments() {
    return this.data.moments ? this.data.moments[this.get("share").value][this.number] : [];
  }

  // Show another class, or other intervals.
  choose() {
    const moments = this.moments();
    for (const picture of this.pictures) picture.setClass(this.number);
    this.picture.moments = moments.map(([start, end]) => [Number(start), Number(end)]);
    this.player.setMoments(this.picture.moments);
    this.get("only").disabled = !moments.length;
    const scale = Number(this.picture.scale.toPrecision(2));
    this.get("least").textContent = `−${scale} or less: against`;
    this.get("most").textContent = `+${scale} or more: for ${this.label}`;
    this.get("what").textContent = `Contribution of a cell (${this.summary.scale}).`;
    this.get("picture").setAttribute("aria-label", `Sound and contributions for ${this.label}, position`);
    this.get("terms").textContent = this.summary.terms[this.number];
    this.get("terms").hidden = !this.summary.terms[this.number];
    if (this.cycle) this.fillCycle();
    this.fillMoments(moments);
    this.draw();
  }

  fillCycle() {
    const points = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)}`;
    const sums = this.cycle.sums().map(([phase, sum]) => `${phase} ${points(sum)}`).join(", ");
    const name = `Average heart cycle of this recording, and the contributions of its phases to ${this.label}`;
    this.get("cycle-picture").setAttribute("aria-label", name);
    this.get("cycle-says").textContent = `${name}, in percentage points: ${sums}.`;
  }

  fillMoments(moments) {
    const share = this.get("share").value;
    const total = this.picture.moments.reduce((sum, [start, end]) => sum + end - start, 0);
    const count = moments.length === 1 ? "1 interval" : `${moments.length} intervals`;
    this.get("share-of-time").textContent = moments.length
      ? `${share}% of the evidence for ${this.label} is in ${count}, in total ` +
        `${inSeconds(total)} of ${inSeconds(this.data.end)}, marked above the sound.`
      : `This recording has no evidence for ${this.label}.`;
    const table = this.get("moments");
    table.hidden = !moments.length;
    const known = this.data.head.frequencies && this.data.head.shape[2] > 1;
    table.tHead.rows[0].lastElementChild.hidden = !known;
    table.caption.textContent = `Strongest intervals for ${this.label}`;
    table.tBodies[0].replaceChildren();
    const best = [...moments].sort((a, b) => Number(b[2]) - Number(a[2])).slice(0, 8);
    for (const [start, end, value] of best) {
      const row = table.tBodies[0].insertRow();
      const text = `${Number(start).toFixed(2)} – ${Number(end).toFixed(2)} s`;
      addCell(row, "td", this.player.audio ? this.button(text, Number(start), Number(end)) : text);
      addCell(row, "td", value.replace("-", "−"));
      if (known) addCell(row, "td", this.strongest(start, end));
    }
    const rest = moments.length - best.length;
    this.get("more").textContent = rest > 0 ? `And ${rest} more: see “Save labels”.` : "";
  }

  button(text, start, end) {
    const button = make("button", { type: "button", textContent: `▶ ${text}` });
    button.setAttribute("aria-label", `Play from ${inSeconds(start, 2)} to ${inSeconds(end, 2)}`);
    button.addEventListener("click", () => { this.player.seek(start - AROUND); this.player.play(); });
    return button;
  }

  // Frequency range of the row of cells that contributes most to the class in an interval.
  strongest(start, end) {
    const { head, cell, frequencies } = this.data;
    const nFrequencies = head.shape[2];
    const sums = new Float64Array(nFrequencies);
    head.times.forEach((time, t) => {
      if (time < Number(start) || time > Number(end)) return;
      for (let f = 0; f < nFrequencies; f++) sums[f] += this.picture.values[t * nFrequencies + f];
    });
    const best = sums.indexOf(Math.max(...sums));
    const [low, high] = [best * cell[1], (best + 1) * cell[1] - 1].map((i) => 10 * Math.round(frequencies[i] / 10));
    return low === high ? String(low) : `${low}–${high}`;
  }

  draw() {
    for (const picture of this.pictures) picture.draw();
    const style = this.get("cursor").style;
    style.height = `${this.picture.mapTop + this.picture.mapHeight}px`;
    this.update();
  }

  // Show the playback position in the picture and as text.
  update() {
    const { player, picture, data } = this;
    if (!picture.width) return;
    if (picture.show(player.time)) { this.draw(); return; }
    this.get("cursor").style.transform = `translateX(${picture.x(player.time)}px)`;
    const state = player.playing ? "Pause" : "Play";
    if (this.get("play").textContent !== state) this.get("play").textContent = state;
    const place = data.unit === "s"
      ? `${player.time.toFixed(1)} s of ${inSeconds(data.end)}`
      : `frame ${Math.round(player.time)} of ${data.end}`;
    if (this.get("clock").textContent !== place) this.get("clock").textContent = place;
    // A screen reader announces each change: while playing, update only every 5 s.
    const announced = [player.playing ? Math.floor(player.time / 5) : place, this.number].join();
    if (announced === this.announced) return;
    this.announced = announced;
    const text = `${place}, ${this.evidenceHere()}`;
    const values = { min: 0, max: data.end, now: player.time.toFixed(2), text };
    for (const name in values) this.get("picture").setAttribute(`aria-value${name}`, values[name]);
  }

  evidenceHere() {
    const { begin, hop, cell, curves } = this.data;
    const at = Math.floor((this.player.time - begin) / (hop * cell[0]));
    const value = curves[this.number][Math.min(Math.max(at, 0), curves[this.number].length - 1)];
    const side = value > 0 ? "evidence for" : value < 0 ? "evidence against" : "no evidence for";
    return `${side} ${this.label}: ${value.toFixed(3)}`;
  }
}

function start() {
  const summaries = [...document.querySelectorAll("script.summary")].map((s) => JSON.parse(s.textContent));
  const maps = [...document.querySelectorAll("script.maps")];
  const cards = summaries.map((summary, number) => new Card(summary, maps[number], number));
  const nav = document.querySelector("nav");
  nav.hidden = cards.length < 2;
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      cards.find((card) => card.root === entry.target).open();
      seen.unobserve(entry.target);
    }
  }, { rootMargin: "800px" });
  cards.forEach((card, number) => {
    const { classes, probabilities, predicted } = card.summary;
    const answer = `${classes[predicted]}, ${inPercent(probabilities[predicted])}`;
    const link = make("a", { href: `#recording-${number}` });
    link.append(...[card.name, answer].map((textContent) => make("span", { textContent })));
    const item = make("li");
    item.append(link);
    nav.firstElementChild.append(item);
    document.querySelector("main").append(card.root);
    seen.observe(card.root);
  });
  // Without focus, keys act on the recording that was used last.
  document.addEventListener("keydown", (event) => {
    const card = Card.last || (cards.length === 1 && cards[0]);
    if (event.target === document.body && card && card.data) card.key(event);
  });
}

start();
