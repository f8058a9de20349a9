// Makes a picture larger and moves it: wheel, pinch, double click and drag; a swipe that isn't zoomed turns the page.
// The picture is laid out to fit its stage; `scale` is against that.

const STEP = 1.5;
const SWIPE = 50; // pixels

export class Zoom {
  constructor(stage, { onSwipe, onZoom, most }) {
    this.stage = stage;
    this.onSwipe = onSwipe;
    this.onZoom = onZoom;
    this.most = most;
    this.pointers = new Map();
    this.reset();
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => this.toggle(event));
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.up(event));
    stage.addEventListener("dragstart", (event) => event.preventDefault());
  }

  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.pointers.clear();
    this.apply();
  }

  get picture() {
    return this.stage.querySelector("[data-zoomed]");
  }

  // Around a place of the screen, which stays where it is; the middle of the stage without one.
  to(scale, clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    const [dx, dy] = [(clientX ?? middle[0]) - middle[0], (clientY ?? middle[1]) - middle[1]];
    const next = Math.min(Math.max(scale, 1), this.most);
    const ratio = next / this.scale;
    this.x = dx - (dx - this.x) * ratio;
    this.y = dy - (dy - this.y) * ratio;
    this.scale = next;
    this.apply();
    this.onZoom(this.scale);
  }

  in() {
    this.to(this.scale * STEP);
  }

  out() {
    this.to(this.scale / STEP);
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  apply() {
    const picture = this.picture;
    this.stage.classList.toggle("zoomed", this.scale > 1);
    if (!picture) return;
    // No further than to the picture's edges.
    const reach = (length, room) => Math.max(0, (length * this.scale - room) / 2);
    const [across, down] = [
      reach(picture.offsetWidth, this.stage.clientWidth),
      reach(picture.offsetHeight, this.stage.clientHeight),
    ];
    this.x = Math.min(Math.max(this.x, -across), across);
    this.y = Math.min(Math.max(this.y, -down), down);
    picture.style.transform = this.scale > 1 ? `translate(${this.x}px, ${this.y}px) scale(${this.scale})` : "";
  }

  wheel(event) {
    event.preventDefault();
    this.to(this.scale * Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), event.clientX, event.clientY);
  }

  toggle(event) {
    this.to(this.scale > 1 ? 1 : Math.min(2.5, this.most), event.clientX, event.clientY);
  }

  down(event) {
    if (event.button > 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.from = this.pointers.size === 1 ? [event.clientX, event.clientY] : null; // two fingers are no swipe
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (other) {
      const far = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
      const middle = [(event.clientX + other[0]) / 2, (event.clientY + other[1]) / 2];
      this.to((this.scale * far([event.clientX, event.clientY])) / far(before), ...middle);
    } else if (this.scale > 1) {
      this.pan(event.clientX - before[0], event.clientY - before[1]);
    }
  }

  up(event) {
    const was = this.pointers.delete(event.pointerId);
    if (!was || event.type === "pointercancel" || this.scale > 1 || !this.from) return;
    const [dx, dy] = [event.clientX - this.from[0], event.clientY - this.from[1]];
    this.from = null;
    if (Math.abs(dx) > SWIPE && Math.abs(dx) > 2 * Math.abs(dy)) this.onSwipe(dx < 0 ? "next" : "previous");
    else if (dy > 2 * SWIPE && dy > 2 * Math.abs(dx)) this.onSwipe("close");
  }
}
