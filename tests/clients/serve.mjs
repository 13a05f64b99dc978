// A web server on the loopback for srt.sh: prints its port, answers every request with its path.
import http from 'node:http'
const server = http.createServer((request, response) => response.end(`served ${request.url}\n`))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
