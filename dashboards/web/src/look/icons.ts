// Icons as paths on a 24 by 24 grid, ours, so that no television lacks a font for them. `stroke` ones are drawn 2 wide.

interface Drawn {
  d: string;
  stroke?: boolean;
}

export const ICONS: Record<string, Drawn> = {
  play: { d: 'M6 4v16l14-8z' },
  half: { d: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2.4v13.2a6.6 6.6 0 0 1 0-13.2z' },
  cross: { d: 'M5.6 3 12 9.4 18.4 3 21 5.6 14.6 12l6.4 6.4-2.6 2.6-6.4-6.4L5.6 21 3 18.4 9.4 12 3 5.6z' },
  diamond: { d: 'M12 2 22 12 12 22 2 12zm0 4.2L6.2 12l5.8 5.8 5.8-5.8z' },
  gear: {
    d: 'M10.2 2h3.6l.6 2.7 1.9.8 2.4-1.5 2.5 2.5-1.5 2.4.8 1.9 2.7.6v3.6l-2.7.6-.8 1.9 1.5 2.4-2.5 2.5-2.4-1.5-1.9.8-.6 2.7h-3.6l-.6-2.7-1.9-.8-2.4 1.5-2.5-2.5 1.5-2.4-.8-1.9L1 15v-3.6l2.7-.6.8-1.9L3 6.500l2.5-2.5 2.4 1.5 1.9-.800zM12 8.600a3.9 3.9 0 1 0 0 7.8 3.9 3.9 0 0 0 0-7.800z',
  },
  square: { d: 'M4 4h16v16H4zm3 3v10h10V7z' },
  bars: { d: 'M5 4h5v16H5zm9 0h5v16h-5z' },
  unlink: { d: 'M8 9 4.5 12.500a4.2 4.2 0 0 0 6 6L13 16M16 15l3.5-3.500a4.2 4.2 0 0 0-6-6L11 8M4 4l16 16', stroke: true },
  up: { d: 'M12 4 22 19H2z' },
  down: { d: 'M12 20 2 5h20z' },
  even: { d: 'M3 7h18v3.600H3zm0 7h18v3.600H3z' },
  box: { d: 'M12 2 21 6.800v10.400L12 22 3 17.200V6.800zM3.5 7 12 11.6 20.5 7M12 11.600V22', stroke: true },
  truck: { d: 'M2 6h12v10H2zM14 9h4l4 4v3h-8M6.5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17.5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z', stroke: true },
  bell: { d: 'M12 3a6 6 0 0 1 6 6v5l2 3H4l2-3V9a6 6 0 0 1 6-6zM10 20h4', stroke: true },
  wrench: { d: 'M20 7.5 16.5 11 13 7.5 16.5 4a5.5 5.5 0 0 0-7 7L3 17.5 6.5 21l6.5-6.500a5.5 5.5 0 0 0 7-7z', stroke: true },
  person: { d: 'M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c.5-4 3.5-6 7.5-6s7 2 7.5 6', stroke: true },
  eye: { d: 'M2 12s3.5-6.5 10-6.500S22 12 22 12s-3.5 6.5-10 6.500S2 12 2 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z', stroke: true },
  lock: { d: 'M6 11h12v10H6zM8.5 11V7.500a3.5 3.5 0 0 1 7 0V11', stroke: true },
  late: { d: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5.500l3.5 2', stroke: true },
  alert: { d: 'M12 3 22 20.500H2zM12 10v4.500M12 17v.8', stroke: true },
  check: { d: 'M4 12.5 9.5 18 20 6.5', stroke: true },
  close: { d: 'M5 5l14 14M19 5 5 19', stroke: true },
  plus: { d: 'M12 4v16M4 12h16', stroke: true },
  minus: { d: 'M4 12h16', stroke: true },
  pause: { d: 'M6 4h4v16H6zm8 0h4v16h-4z' },
  flag: { d: 'M5 21V4h13l-3 4.5 3 4.500H5', stroke: true },
  undo: { d: 'M9 5 4 10l5 5M4 10h10a6 6 0 0 1 0 12h-2', stroke: true },
  doc: { d: 'M6 2.500h8l4.5 4.500v14.500H6zM13.5 3v4.500H18M9 12h6M9 16h6', stroke: true },
  scan: { d: 'M3 8V4h4M17 4h4v4M21 16v4h-4M7 20H3v-4M7 8v8M10.5 8v8M13.5 8v8M17 8v8', stroke: true },
  chevron: { d: 'M9 5l7 7-7 7', stroke: true },
  menu: { d: 'M3 6h18M3 12h18M3 18h18', stroke: true },
  link: { d: 'M10 14a4.2 4.2 0 0 0 6 0l3.5-3.500a4.2 4.2 0 0 0-6-6L12 6M14 10a4.2 4.2 0 0 0-6 0l-3.5 3.500a4.2 4.2 0 0 0 6 6L12 18', stroke: true },
  wall: { d: 'M3 4h8v7H3zM13 4h8v7h-8zM3 13h8v7H3zM13 13h8v7h-8z', stroke: true },
  gantt: { d: 'M3 5h9M7 10h10M5 15h8M11 20h10', stroke: true },
  fall: { d: 'M3 4h4v16H3zM10 4h4v9h-4zM17 13h4v7h-4z', stroke: true },
  list: { d: 'M8 6h13M8 12h13M8 18h13M3.5 6h.8M3.5 12h.8M3.5 18h.8', stroke: true },
  hand: { d: 'M7 11V6.500a1.8 1.8 0 0 1 3.6 0V11M10.6 10V4.500a1.8 1.8 0 0 1 3.6 0V11M14.2 10.500V6.500a1.8 1.8 0 0 1 3.6 0V15a6.5 6.5 0 0 1-6.5 6.500c-3 0-4.5-1.5-6-4L3 13.500a1.7 1.7 0 0 1 3-1.500l1.5 2', stroke: true },
};
