//! Tables and figures as data, then as text and pictures.
