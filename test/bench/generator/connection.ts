import { connect, type Socket } from 'node:net';
import { ResponseParser } from './response-parser.ts';

const bufferBytes = 8_192;
const reconnectMs = 20;

export interface Listener {
  /** A connection can send. Also called after it was lost and is there again. */
  free(connection: Connection, now: number): void;
  /** `status` is 0 when the connection was lost: what became of the request is unknown. */
  answered(connection: Connection, status: number, now: number): void;
}

/** One keep-alive connection with one request at a time, without the layers of an HTTP client. */
export class Connection {
  /** When the request that is under way was meant to be sent; for the listener. */
  intendedAt = 0;
  private readonly port: number;
  private readonly listener: Listener;
  private socket: Socket | undefined;
  private parser = new ResponseParser();
  private up = false;
  private busy = false;
  private closed = false;

  constructor(port: number, listener: Listener) {
    this.port = port;
    this.listener = listener;
    this.open();
  }

  /** Whether it is there and has nothing under way. */
  get ready(): boolean {
    return this.up && !this.busy;
  }

  /** Only when it is ready. The bytes must not change until they are sent. */
  send(bytes: Buffer, intendedAt: number): void {
    this.intendedAt = intendedAt;
    this.busy = true;
    this.socket?.write(bytes);
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private open(): void {
    this.parser = new ResponseParser();
    const buffer = Buffer.alloc(bufferBytes);
    const onread = { buffer, callback: (length: number) => this.read(buffer, length) };
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true, onread });
    this.socket = socket;
    socket.on('connect', () => {
      this.up = true;
      this.listener.free(this, performance.now());
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.lost());
  }

  private read(buffer: Buffer, length: number): boolean {
    const status = this.parser.feed(buffer, length);
    if (status === 0) return true;
    this.busy = false;
    this.listener.answered(this, status, performance.now());
    return true;
  }

  private lost(): void {
    const { busy } = this;
    this.busy = false;
    this.up = false;
    if (busy) this.listener.answered(this, 0, performance.now());
    if (!this.closed) setTimeout(() => this.closed || this.open(), reconnectMs);
  }
}
