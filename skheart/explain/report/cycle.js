// Draw the average heart cycle; the width of a cell is its duration.

class CyclePicture extends Picture {
  // Sum of the contributions in each phase.
  sums() {
    const { phases, head } = this.data;
    const nFrequencies = head.shape[2];
    const sums = new Map(phases.map((phase) => [phase, 0]));
    this.values.forEach((value, i) => {
      const phase = phases[Math.floor(i / nFrequencies)];
      sums.set(phase, sums.get(phase) + value);
    });
    return [...sums];
  }

  draw() {
    const begun = this.begin();
    if (!begun) return;
    const [context, ink] = begun;
    this.mapTop = TOP + 18;
    this.mapHeight = this.height - this.mapTop - BOTTOM;
    this.makeImages();
    context.imageSmoothingEnabled = false;
    this.drawCells(context);
    context.fillStyle = context.strokeStyle = ink("--ink");
    this.drawPhases(context);
    this.drawAxes(context, ink);
  }

  drawCells(context) {
    const { edges } = this.data;
    const nMels = this.data.features.shape[1];
    for (let i = 0; i + 1 < edges.length; i++) {
      const [left, right] = [this.x(edges[i]), this.x(edges[i + 1])];
      for (const image of this.colours ? [this.grey, this.overlay] : [this.grey]) {
        context.drawImage(image, i, 0, 1, nMels, left, this.mapTop, right - left, this.mapHeight);
      }
    }
  }

  drawPhases(context) {
    const { edges, phases } = this.data;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let i = 0, start = 0; i < phases.length; i++) {
      if (phases[i] === phases[i + 1]) continue;
      const [left, right] = [this.x(edges[start]), this.x(edges[i + 1])];
      context.fillRect(Math.round(right) - 0.5, TOP, 1, this.mapTop + this.mapHeight - TOP);
      if (context.measureText(phases[i]).width < right - left) {
        context.fillText(phases[i], (left + right) / 2, TOP + 8);
      }
      start = i + 1;
    }
  }
}
