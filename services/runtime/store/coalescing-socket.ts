import { Socket } from 'node:net';

/**
 * A socket that sends whatever is written in one turn of the event loop with one system call.
 * The driver's own corking ends with each statement; waking the server for each of them costs
 * both sides more than a small statement does.
 */
export class CoalescingSocket extends Socket {
  private isHolding = false;

  override cork(): void {
    if (this.isHolding) return;
    this.isHolding = true;
    super.cork();
    process.nextTick(() => {
      this.isHolding = false;
      super.uncork();
    });
  }

  /** What was held goes out at the end of the turn. */
  override uncork(): void {}
}
