// The app's icon, drawn by code: a voice as bars. No image library: a PNG is a deflated array with a header.

import { deflateSync, crc32 as nodeCrc32 } from "node:zlib";

const BACK = [0x1f, 0x5f, 0xbf];
const FRONT = [0xff, 0xff, 0xff];
const BARS = [0.2, 0.46, 0.78, 0.36, 0.62, 0.28]; // heights, of the drawing's

/**
 * @param {number} size pixels on each side
 * @param {{corner: number, drawing: number}} shape corner radius and size of the drawing, of the whole
 * @returns {Buffer} PNG
 */
export function icon(size, { corner, drawing }) {
  const rows = Buffer.alloc(size * (1 + 4 * size));
  const bar = drawing / (BARS.length * 2 - 1);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = [(x + 0.5) / size - 0.5, (y + 0.5) / size - 0.5];
      const back = cover(rounded(at, [0, 0], [0.5, 0.5], corner), size);
      let front = 0;
      BARS.forEach((height, i) => {
        const centre = [(2 * i + 0.5) * bar - drawing / 2, 0];
        front = Math.max(front, cover(rounded(at, centre, [bar / 2, (height * drawing) / 2], bar / 2), size));
      });
      const pixel = y * (1 + 4 * size) + 1 + 4 * x;
      for (let c = 0; c < 3; c++) rows[pixel + c] = Math.round(BACK[c] + front * (FRONT[c] - BACK[c]));
      rows[pixel + 3] = Math.round(255 * back);
    }
  }
  return png(size, rows);
}

/** Signed distance from a rectangle with round corners. */
function rounded([x, y], [cx, cy], [halfWidth, halfHeight], radius) {
  const dx = Math.abs(x - cx) - halfWidth + radius;
  const dy = Math.abs(y - cy) - halfHeight + radius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

/** Share of a pixel that lies within. */
function cover(distance, size) {
  return Math.min(1, Math.max(0, 0.5 - distance * size));
}

function png(size, rows) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8); // 8 bits, RGBA
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...chunks]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function crc32(bytes) {
  if (nodeCrc32) return nodeCrc32(bytes); // Node 20.15 and 22.2 on
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
