// Play the sound of a recording and keep the position, also for a recording without sound.

const AROUND = 0.1; // seconds played before and after an interval, for context

class Player {
  constructor(audio, wav, end, changed) {
    Object.assign(this, { end, changed, still: 0, moments: [], only: false });
    if (wav === null) return;
    this.audio = audio;
    this.audio.preservesPitch = true;
    this.audio.src = `data:audio/wav;base64,${wav}`;
    for (const event of ["play", "pause", "ended", "seeked", "loadedmetadata"]) {
      this.audio.addEventListener(event, () => changed());
    }
    // Animation frames stop in a hidden tab; this event does not.
    this.audio.addEventListener("timeupdate", () => this.skip());
    this.audio.addEventListener("play", () => this.follow());
  }

  get time() {
    return this.audio ? Math.min(this.audio.currentTime, this.end) : this.still;
  }

  get playing() {
    return Boolean(this.audio) && !this.audio.paused && !this.audio.ended;
  }

  seek(time) {
    this.still = Math.min(Math.max(time, 0), this.end);
    if (this.audio) this.audio.currentTime = this.still;
    this.changed();
  }

  play() {
    if (!this.audio) return;
    if (Player.current !== this) Player.current?.pause();
    Player.current = this;
    const only = this.only && this.moments.length;
    const last = only ? this.moments[this.moments.length - 1][1] : this.end;
    const from = this.time >= last - 0.02 ? 0 : this.time;
    const next = only ? this.moments.find(([, end]) => from < end)[0] : from;
    if (Math.max(from, next) !== this.time) this.audio.currentTime = Math.max(from, next);
    this.audio.play().catch((error) => {
      if (error.name !== "AbortError") console.error(error);
    });
  }

  pause() {
    this.audio?.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed) {
    if (this.audio) this.audio.defaultPlaybackRate = this.audio.playbackRate = speed;
  }

  // Intervals to play: widened by AROUND, and merged where they touch.
  setMoments(moments) {
    this.moments = [];
    for (const [start, end] of moments) {
      const [from, to] = [Math.max(start - AROUND, 0), Math.min(end + AROUND, this.end)];
      const last = this.moments[this.moments.length - 1];
      if (last && from <= last[1]) last[1] = to;
      else this.moments.push([from, to]);
    }
  }

  // If only the intervals are played, jump to the next one.
  skip() {
    if (!this.only || !this.moments.length || !this.playing || this.audio.seeking) return;
    const time = this.time;
    const next = this.moments.find(([, end]) => time < end);
    if (!next) this.pause();
    else if (time < next[0] - 0.005) this.audio.currentTime = next[0];
  }

  follow() {
    this.skip();
    this.changed();
    if (this.playing) requestAnimationFrame(() => this.follow());
  }
}
