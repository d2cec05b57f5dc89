create table product (
    id integer generated always as identity primary key,
    name text not null,
    size integer not null,
    price integer
);
