/** One time for the whole page, that ticks once a second while somebody looks. */

class Clock {
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (document.visibilityState === "visible") this.now = Date.now();
    }, 1000);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.now = Date.now();
    });
  }
}

export const clock = new Clock();
