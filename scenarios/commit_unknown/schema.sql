create table orders (
    id integer generated always as identity primary key,
    key text unique,
    customer text not null
);
