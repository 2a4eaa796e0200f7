/** Whether a newer version of the app has taken the place of the one that is running: files of this one may be gone. */
export async function isReplaced(): Promise<boolean> {
  const own = document.querySelector<HTMLScriptElement>("script[type=module][src]")?.getAttribute("src");
  if (!own) return false;
  try {
    // By an address that the worker keeps nothing of.
    const page = await fetch(`/?${Date.now()}`, { cache: "no-store" });
    return page.ok && !(await page.text()).includes(own);
  } catch {
    return false;
  }
}
