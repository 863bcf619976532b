import { createServer } from 'node:http';
import { serve } from '../served.ts';

/** Takes spans over OTLP/HTTP and forgets them. */
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 2 });
    response.end('{}');
  });
});

serve(async (_, say) => {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    say({ kind: 'listening', port: typeof address === 'object' ? address?.port : 0 });
  });
});
