// SPDX-License-Identifier: Apache-2.0 OR MIT
// Shows the rows that the chosen button and the search words ask for.
const nav = document.querySelector("nav"), search = nav.querySelector("input");
let wanted = "";
function show() {
  const text = search.value.toLowerCase();
  for (const section of document.querySelectorAll("section.rows")) {
    let count = 0;
    for (const row of section.querySelectorAll("tbody tr")) {
      const fits = (!wanted || row.dataset.words.split(" ").includes(wanted)) && row.textContent.toLowerCase().includes(text);
      row.hidden = !fits;
      count += fits;
    }
    section.hidden = !count;
  }
}
for (const button of nav.querySelectorAll("button")) {
  const rows = [...document.querySelectorAll("tbody tr")];
  const count = rows.filter((row) => !button.dataset.show || row.dataset.words.split(" ").includes(button.dataset.show)).length;
  button.append(" " + count);
  button.onclick = () => {
    nav.querySelector(".on").classList.remove("on");
    button.classList.add("on");
    wanted = button.dataset.show;
    show();
  };
}
search.oninput = show;
