create table payment (
    id integer generated always as identity primary key,
    customer text not null
);
