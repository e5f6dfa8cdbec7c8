// An Express app; `"handler": "node"` in tsfn.json says that it wants (req, res).

import express from "express";

const app = express();
app.use(express.json());

app.get("/", (request, response) => {
  response.json({ hello: request.query.name ?? "world" });
});

export default app;
