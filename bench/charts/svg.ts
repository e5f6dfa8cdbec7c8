// The little of SVG that the charts are made of: elements as text, and the sheet that all of them are drawn on. Light paper
// is part of the picture, so that it reads the same on a dark page.

export interface Sheet {
  readonly width: number;
  readonly height: number;
  /** What the chart shows, as a sentence. */
  readonly title: string;
  /** How to read it. */
  readonly subtitle: string;
}

export type Attributes = Readonly<Record<string, string | number>>;

/** Told apart also by who does not see all colours (Okabe and Ito). */
export const colours = {
  ink: "#24292f",
  faint: "#57606a",
  line: "#d0d7de",
  paper: "#ffffff",
  tsfn: "#0072b2",
  peer: "#d55e00",
  floor: "#6e7781",
  blue: "#56b4e9",
  green: "#009e73",
  yellow: "#e69f00",
} as const;

export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${attribute(value)}"`);
  return content === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${content}</${name}>`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escaped(content));
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string {
  return element("line", { x1, y1, x2, y2, stroke: colours.line, ...attributes });
}

/** Where the drawing below title and subtitle begins. */
export const top = 78;

export function draw({ width, height, title, subtitle }: Sheet, drawing: readonly string[]): string {
  const paper = {
    width: width - 1,
    height: height - 1,
    x: 0.5,
    y: 0.5,
    rx: 6,
    fill: colours.paper,
    stroke: colours.line,
  };
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="${colours.ink}">`,
    element("title", {}, escaped(title)),
    element("rect", paper),
    text(20, 32, title, { "font-size": 17, "font-weight": 600 }),
    text(20, 54, subtitle, { fill: colours.faint }),
    ...drawing,
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

function attribute(value: string | number): string {
  return typeof value === "number" ? String(Number(value.toFixed(1))) : escaped(value);
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
