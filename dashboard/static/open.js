// Presses the button of the page of a one-time link, for whoever sees it.
"use strict";
document.getElementById("open").submit();
