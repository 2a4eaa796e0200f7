/** A short tone for a new alarm, for whoever asked for it; two for what is critical. */

let audio: AudioContext | null = null;

export function chime(severity: string): void {
  try {
    audio ??= new AudioContext();
    const begin = audio.currentTime;
    for (const [at, pitch] of severity === "critical"
      ? ([
          [0, 880],
          [0.22, 660],
        ] as const)
      : ([[0, 660]] as const)) {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.15, begin + at);
      loudness.gain.exponentialRampToValueAtTime(0.001, begin + at + 0.2);
      tone.connect(loudness).connect(audio.destination);
      tone.start(begin + at);
      tone.stop(begin + at + 0.2);
    }
  } catch {
    // A browser that lets no sound through before a touch: the notice is seen.
  }
}
